//! Comparing names in constant functions.

pub(super) const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether `text` has `part` from byte `at` on.
const fn has_at(text: &[u8], part: &[u8], at: usize) -> bool {
    if at + part.len() > text.len() {
        return false;
    }
    let mut offset = 0;
    while offset < part.len() {
        if !text[at + offset].eq_ignore_ascii_case(&part[offset]) {
            return false;
        }
        offset += 1;
    }
    true
}

const fn contains(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let mut at = 0;
    while at + part.len() <= text.len() {
        if has_at(text, part, at) {
            return true;
        }
        at += 1;
    }
    false
}

/// The rest of a text behind a start that it has.
pub(super) const fn after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    if start.len() > text.len() || !equal(text.split_at(start.len()).0, start) {
        return None;
    }
    Some(text.split_at(start.len()).1)
}

/// The start of a text before an end that it has.
pub(super) const fn before<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    if end.len() > text.len() {
        return None;
    }
    let (start, rest) = text.split_at(text.len() - end.len());
    if equal(rest, end) { Some(start) } else { None }
}

/// The longest name that is compared.
const LONGEST: usize = 64;

/// The number of letters to change, insert, remove or swap between two names, without regard to case;
/// `None` for names that are longer than any key.
const fn distance(a: &str, b: &str) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > LONGEST || b.len() > LONGEST {
        return None;
    }
    // Three rows of the table of optimal string alignment: two before, one before, this one.
    let mut rows = [[0_usize; LONGEST + 1]; 3];
    let mut column = 0;
    while column <= b.len() {
        rows[1][column] = column;
        column += 1;
    }
    let mut row = 1;
    while row <= a.len() {
        rows[2][0] = row;
        let mut column = 1;
        while column <= b.len() {
            let same = a[row - 1].eq_ignore_ascii_case(&b[column - 1]);
            let mut least = rows[1][column - 1] + if same { 0 } else { 1 };
            if rows[1][column] + 1 < least {
                least = rows[1][column] + 1;
            }
            if rows[2][column - 1] + 1 < least {
                least = rows[2][column - 1] + 1;
            }
            let swapped = row > 1
                && column > 1
                && a[row - 1].eq_ignore_ascii_case(&b[column - 2])
                && a[row - 2].eq_ignore_ascii_case(&b[column - 1]);
            if swapped && rows[0][column - 2] + 1 < least {
                least = rows[0][column - 2] + 1;
            }
            rows[2][column] = least;
            column += 1;
        }
        rows[0] = rows[1];
        rows[1] = rows[2];
        row += 1;
    }
    Some(rows[1][b.len()])
}

/// The known name that is nearest to one that is not known.
pub(super) struct Nearest<'a> {
    name: &'a str,
    pub(super) best: Option<&'static str>,
    /// The distance of the best one; one that only contains the other is further.
    score: usize,
}

impl<'a> Nearest<'a> {
    pub(super) const fn new(name: &'a str) -> Self {
        Self { name, best: None, score: usize::MAX }
    }

    pub(super) const fn offer(&mut self, known: &'static str) {
        let allowed = if known.len() > 5 { 2 } else { 1 };
        let score = match distance(self.name, known) {
            Some(distance) if distance <= allowed && distance < known.len() => distance,
            _ if self.name.len() > 2 && contains(known, self.name) => 10,
            _ if known.len() > 2 && contains(self.name, known) => 10,
            _ => return,
        };
        if score < self.score {
            self.score = score;
            self.best = Some(known);
        }
    }
}
