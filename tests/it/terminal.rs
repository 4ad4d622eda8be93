//! What a run shows on a terminal, and what becomes of a run whose terminal is closed. The
//! terminals are those of `script`, since a test has none of its own.

use std::{
    fs,
    io::Read as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_watched");

/// A screen that is never full: it has the lines that a terminal would keep.
struct Screen {
    width: usize,
    wraps: bool,
    lines: Vec<Vec<char>>,
    at: (usize, usize),
    /// The lines that were too wide and were broken by the terminal.
    broken: Vec<String>,
}

impl Screen {
    fn new(width: usize) -> Self {
        Self { width, wraps: true, lines: vec![Vec::new()], at: (0, 0), broken: Vec::new() }
    }

    /// Columns of the characters in these tests (Unicode Standard Annex #11).
    fn columns(char: char) -> usize {
        match char {
            '\u{300}'..='\u{36f}' => 0,
            '\u{3000}'..='\u{9fff}' => 2,
            _ => 1,
        }
    }

    fn put(&mut self, char: char) {
        let columns = Self::columns(char);
        if columns == 0 {
            return;
        }
        if self.at.1 + columns > self.width {
            if !self.wraps {
                return;
            }
            self.broken.push(self.lines[self.at.0].iter().collect());
            self.down();
            self.at.1 = 0;
        }
        let line = &mut self.lines[self.at.0];
        line.resize(line.len().max(self.at.1 + columns), ' ');
        line[self.at.1] = char;
        if columns == 2 {
            // The second half of a wide character.
            line[self.at.1 + 1] = '\0';
        }
        self.at.1 += columns;
    }

    fn down(&mut self) {
        self.at.0 += 1;
        if self.at.0 == self.lines.len() {
            self.lines.push(Vec::new());
        }
    }

    fn show(&mut self, text: &str) {
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            match char {
                '\r' => self.at.1 = 0,
                '\n' => self.down(),
                '\u{1b}' => {
                    assert_eq!(chars.next(), Some('['), "only CSI sequences are expected");
                    let mut number = String::new();
                    let end = loop {
                        match chars.next() {
                            Some(end) if end.is_ascii_alphabetic() => break end,
                            Some(char) => number.push(char),
                            None => return,
                        }
                    };
                    match (end, number.as_str()) {
                        // After a character in the last column the cursor is still on it.
                        ('K', "") => self.lines[self.at.0].truncate(self.at.1.min(self.width - 1)),
                        ('J', "") => {
                            self.lines[self.at.0].truncate(self.at.1);
                            self.lines.truncate(self.at.0 + 1);
                        }
                        ('A', lines) => self.at.0 -= lines.parse::<usize>().unwrap(),
                        ('l', "?7") => self.wraps = false,
                        ('h', "?7") => self.wraps = true,
                        ('m', _) => {}
                        other => panic!("unexpected sequence {other:?}"),
                    }
                }
                char => self.put(char),
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        let text = |line: &Vec<char>| line.iter().filter(|char| **char != '\0').collect::<String>();
        self.lines.iter().map(|line| text(line).trim_end().to_owned()).collect()
    }
}

fn in_terminal(commands: &str) -> Option<Child> {
    let mut script = Command::new("script");
    script.args(["-qfec", commands, "/dev/null"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    script.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CLICOLOR").env_remove("CLICOLOR_FORCE");
    match script.spawn() {
        Ok(child) => Some(child),
        Err(error) => {
            eprintln!("SKIPPED a test of terminals: there is no `script`: {error}");
            None
        }
    }
}

/// Runs commands in a terminal, and returns what they printed and how long they took.
fn printed(commands: &str) -> Option<(String, Duration)> {
    let start = Instant::now();
    let mut child = in_terminal(commands)?;
    let mut bytes = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
    child.wait().unwrap();
    Some((String::from_utf8(bytes).unwrap(), start.elapsed()))
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for columns in [120, 80, 40] {
        let folder = tempfile::tempdir().unwrap();
        let commands = format!("stty cols {columns} rows 24; '{PROGRAM}' '{}' 3", folder.path().display());
        let Some((text, took)) = printed(&commands) else { return };
        // The report is not cut: it has paths and names that are copied as a whole.
        let (text, report) = text.split_once("fit ended after").expect("the run has a report");
        assert!(report.contains(&"long_name_".repeat(10)), "{report}");
        let mut screen = Screen::new(columns);
        screen.show(text);
        assert!(screen.broken.is_empty(), "{columns}: {:#?}", screen.broken);
        let lines = screen.lines();
        for epoch in 0..3 {
            let head = format!("epoch {epoch}/2  200/200 batches  ");
            assert_eq!(lines.iter().filter(|line| line.starts_with(&head)).count(), 1, "{lines:#?}");
        }
        // The bar was drawn, at 10 Hz at most, and is gone.
        assert!(text.contains("Epoch 1/2 "), "{text}");
        assert!(lines.iter().all(|line| !line.starts_with("Epoch") && !line.starts_with("Validation")), "{lines:#?}");
        let draws = text.matches("\u{1b}[?7l").count();
        assert!((8..=took.as_millis() as usize / 100 + 8).contains(&draws), "{draws} draws in {took:?}");
        // In 40 columns there is room for the numbers only.
        assert_eq!(text.contains("\u{1b}[35m"), columns >= 80, "{columns}");
        assert!(text.contains("it/s\u{1b}[K"), "the rate is whole: {text}");
        // Of a name that is too long the value is still there.
        let long = lines.iter().find(|line| line.trim_start().starts_with("long_name_")).unwrap();
        assert!(long.ends_with("… 0.125"), "{long}");
        assert!(lines.iter().any(|line| line.contains("größe_日本語 0.250")), "{lines:#?}");
    }
}

#[test]
fn a_terminal_can_be_resized_during_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let commands = format!(
        "stty cols 120 rows 24; '{PROGRAM}' '{}' 6 & sleep 1; stty cols 40; printf '<narrow>'; sleep 1; stty cols 80; \
         printf '<wide>'; wait",
        folder.path().display()
    );
    let Some((text, _)) = printed(&commands) else { return };
    let (before, rest) = text.split_once("<narrow>").expect("the run takes longer than a second");
    let (narrow, wide) = rest.split_once("<wide>").expect("the run takes longer than two seconds");
    let widest = |text: &str| {
        let mut screen = Screen::new(1000);
        screen.show(text);
        let frames = text.split("\u{1b}[?7l").skip(2).filter_map(|frame| frame.split_once("\u{1b}[?7h"));
        let rows: Vec<usize> = frames
            .flat_map(|(rows, _)| {
                let mut screen = Screen::new(1000);
                screen.show(rows);
                screen.lines().iter().map(|row| row.chars().map(Screen::columns).sum()).collect::<Vec<usize>>()
            })
            .collect();
        assert!(rows.len() > 5, "{rows:?}");
        rows.into_iter().max().unwrap_or(0)
    };
    let widths = [widest(before), widest(narrow), widest(wide)];
    assert!((80..120).contains(&widths[0]), "{widths:?}");
    assert!((20..40).contains(&widths[1]), "{widths:?}");
    assert!((40..80).contains(&widths[2]), "{widths:?}");
}

#[test]
fn no_color_is_obeyed_and_a_dumb_terminal_has_lines() {
    let folder = tempfile::tempdir().unwrap();
    let run = format!("stty cols 80 rows 24; %'{PROGRAM}' '{}' 1", folder.path().display());
    let Some((text, _)) = printed(&run.replace('%', "NO_COLOR=1 ")) else { return };
    assert!(text.contains("Epoch 0/0 ━"), "{text}");
    let after_escape = |text: &str| {
        text.split("\u{1b}[")
            .skip(1)
            .map(|rest| {
                rest.trim_start_matches(|char: char| char.is_ascii_digit() || ";?".contains(char)).chars().next()
            })
            .collect::<Vec<_>>()
    };
    assert!(!after_escape(&text).contains(&Some('m')), "{text}");

    let (text, _) = printed(&run.replace('%', "TERM=dumb ")).unwrap();
    assert!(!text.contains('\u{1b}') && text.contains("epoch 0/0  200/200 batches"), "{text}");
}

/// Waits for the file that the program writes last.
fn ended(folder: &Path) -> Option<String> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        if let Ok(text) = fs::read_to_string(folder.join("ended"))
            && !text.is_empty()
        {
            return Some(text);
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}

fn checkpoints(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder.join("checkpoints")).into_iter().flatten().flatten();
    files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_closed_terminal_ends_the_run_unless_it_ignores_that() {
    // As under `nohup`, or not, however the tests themselves were started.
    for (signal, expected) in [("default", "Interrupted"), ("ignore", "MaxEpochs")] {
        let folder = tempfile::tempdir().unwrap();
        let commands = format!("exec env --{signal}-signal=HUP '{PROGRAM}' '{}' 4", folder.path().display());
        let Some(mut terminal) = in_terminal(&commands) else { return };
        let mut some = [0; 4096];
        let mut seen = String::new();
        let mut output = terminal.stdout.take().unwrap();
        while !seen.contains("Epoch 0/3") {
            let count = output.read(&mut some).unwrap();
            assert!(count > 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&some[..count]));
        }
        terminal.kill().unwrap();
        terminal.wait().unwrap();
        assert_eq!(ended(folder.path()).as_deref(), Some(expected));
        let interrupted = checkpoints(folder.path()).iter().any(|name| name.starts_with("interrupted-epoch="));
        assert_eq!(interrupted, expected == "Interrupted", "{:?}", checkpoints(folder.path()));
    }
}

#[test]
fn a_closed_pipe_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(PROGRAM)
        .arg(folder.path())
        .arg("2")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(ended(folder.path()).as_deref(), Some("MaxEpochs"));
}
