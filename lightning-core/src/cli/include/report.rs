//! The text of all mistakes, written by constant functions.

use super::node::Node;

/// The longest text: what does not fit is left out.
const CAPACITY: usize = 16 << 10;

/// The mistakes of a file.
pub(super) struct Report {
    bytes: [u8; CAPACITY],
    len: usize,
    pub(super) problems: usize,
}

/// The keys down to a value, innermost first.
#[derive(Clone, Copy)]
pub(super) struct Path<'a> {
    above: Option<&'a Self>,
    key: Key<'a>,
}

#[derive(Clone, Copy)]
enum Key<'a> {
    Name(&'a str),
    Index(usize),
}

impl Path<'static> {
    pub(super) const fn root(name: &'static str) -> Self {
        Self { above: None, key: Key::Name(name) }
    }
}

impl<'a> Path<'a> {
    pub(super) const fn name(above: Option<&'a Path<'a>>, name: &'a str) -> Self {
        Self { above, key: Key::Name(name) }
    }

    pub(super) const fn index(above: &'a Path<'a>, index: usize) -> Self {
        Self { above: Some(above), key: Key::Index(index) }
    }
}

impl Report {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; CAPACITY], len: 0, problems: 0 }
    }

    pub(super) const fn text(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            // Only whole texts are written.
            Err(_) => "",
        }
    }

    /// Begins a mistake.
    pub(super) const fn begin(&mut self) {
        if self.problems > 0 {
            self.push("\n\nerror: ");
        }
        self.problems += 1;
    }

    pub(super) const fn push(&mut self, text: &str) {
        let bytes = text.as_bytes();
        if self.len + bytes.len() > CAPACITY {
            return;
        }
        let mut at = 0;
        while at < bytes.len() {
            self.bytes[self.len] = bytes[at];
            self.len += 1;
            at += 1;
        }
    }

    pub(super) const fn push_int(&mut self, value: i128) {
        let mut digits = [0_u8; 40];
        let mut rest = value.unsigned_abs();
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            self.push("-");
        }
        if let Ok(text) = std::str::from_utf8(digits.split_at(at).1) {
            self.push(text);
        }
    }

    /// Writes the keys with points between them.
    pub(super) const fn push_path(&mut self, path: &Path<'_>) {
        if let Some(above) = path.above {
            self.push_path(above);
            self.push(".");
        }
        match path.key {
            Key::Name(name) => self.push(name),
            Key::Index(index) => self.push_int(index as i128),
        }
    }

    /// Ends a mistake with its place.
    pub(super) const fn place(&mut self, place: &str) {
        self.push(place);
    }

    pub(super) const fn help(&mut self) {
        self.push("\n  = help: ");
    }

    /// Begins the message of a value of another type, up to what is expected.
    pub(super) const fn begin_wrong(&mut self, path: &Path<'_>) {
        self.begin();
        self.push("`");
        self.push_path(path);
        self.push("` must be ");
    }

    /// Ends that message with what was found, and its place.
    pub(super) const fn end_wrong(&mut self, node: &Node) {
        self.push(", found ");
        self.push(node.found);
        self.place(node.place);
    }

    /// A message of a value of another type, whole.
    pub(super) const fn wrong(&mut self, node: &Node, path: &Path<'_>, expected: &str) {
        self.begin_wrong(path);
        self.push(expected);
        self.end_wrong(node);
    }

    /// The state before a value is tried.
    pub(super) const fn mark(&self) -> (usize, usize) {
        (self.len, self.problems)
    }

    /// Forgets the mistakes since a mark; returns whether there were any.
    pub(super) const fn forget(&mut self, mark: (usize, usize)) -> bool {
        let failed = self.problems > mark.1;
        (self.len, self.problems) = mark;
        failed
    }
}

/// A list of names in a sentence, of which the first 20 are shown.
pub(super) struct Listed {
    count: usize,
}

impl Listed {
    const SHOWN: usize = 20;

    pub(super) const fn new() -> Self {
        Self { count: 0 }
    }

    pub(super) const fn push(&mut self, report: &mut Report, name: &str) {
        if self.count < Self::SHOWN {
            report.push(if self.count == 0 { "`" } else { ", `" });
            report.push(name);
            report.push("`");
        }
        self.count += 1;
    }

    pub(super) const fn finish(self, report: &mut Report) {
        if self.count == 0 {
            report.push("none");
        } else if self.count > Self::SHOWN {
            report.push(", ");
            report.push_int((self.count - Self::SHOWN) as i128);
            report.push(" more");
        }
    }
}
