//! Wrong versions of a right program, each by one change.

use std::{collections::BTreeMap, ops::Range};

use super::program::{Method, Program};

/// A program with one change.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// What was changed, without how: `option minimize 2`. The lists of exceptions speak of these.
    pub(crate) site: String,
    /// How: `minimise`.
    pub(crate) change: String,
    /// The changed program.
    pub(crate) source: String,
    /// Where an error is to be underlined.
    pub(crate) at: Range<usize>,
}

impl Mutant {
    /// `option minimize 2: minimise`
    pub(crate) fn name(&self) -> String {
        format!("{}: {}", self.site, self.change)
    }
}

/// Methods of the programs that are no hooks, and stay as they are.
const ORDINARY: &[&str] = &["forward", "shared", "helper"];

/// Every mutant of a program, in a fixed order.
pub(crate) fn mutants(source: &str) -> Vec<Mutant> {
    let program = Program::read(source);
    let mut mutants = Mutants { program: &program, seen: BTreeMap::new(), found: Vec::new() };
    mutants.misspell_everything();
    mutants.drop_attributes();
    for method in &program.methods {
        if !ORDINARY.contains(&program.text(&method.name)) {
            mutants.change_receiver(method);
            mutants.change_parameters(method);
            mutants.change_output(method);
            mutants.qualify(method);
        }
    }
    mutants.found
}

struct Mutants<'a> {
    program: &'a Program<'a>,
    /// How often each site was met.
    seen: BTreeMap<String, usize>,
    found: Vec<Mutant>,
}

impl Mutants<'_> {
    /// The name of a site, numbered where the program has several of the name.
    fn site(&mut self, name: String) -> String {
        let count = self.seen.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name} {count}") }
    }

    /// Replaces several places, which are in order; the error belongs to the `marked` one.
    fn edit(&mut self, site: &str, change: &str, edits: &[(Range<usize>, String)], marked: usize) {
        let (mut source, mut from, mut at) = (String::new(), 0, 0..0);
        for (index, (place, text)) in edits.iter().enumerate() {
            source.push_str(&self.program.source[from..place.start]);
            if index == marked {
                at = source.len()..source.len() + text.len();
            }
            source.push_str(text);
            from = place.end;
        }
        source.push_str(&self.program.source[from..]);
        self.found.push(Mutant { site: site.to_owned(), change: change.to_owned(), source, at });
    }

    fn misspell_everything(&mut self) {
        let program = self.program;
        for method in &program.methods {
            if !ORDINARY.contains(&program.text(&method.name)) {
                self.misspell("hook", &method.name);
            }
        }
        for attribute in &program.attributes {
            if program.text(&attribute.name) != "derive" {
                self.misspell("attribute", &attribute.name);
            }
            for option in &attribute.options {
                self.misspell("option", option);
            }
        }
        for key in &program.keys {
            self.misspell("key", key);
        }
        for method in program.methods.iter().filter(|method| !ORDINARY.contains(&program.text(&method.name))) {
            // The batch is the first parameter of a step, and its name is free.
            let free = usize::from(program.text(&method.name).ends_with("_step"));
            for param in method.params.iter().skip(free) {
                let what = format!("parameter of {},", program.text(&method.name));
                // Without a body there is no other use of the name.
                self.misspell_with(&what, &param.name, Some(never(program, method)));
            }
        }
    }

    fn misspell(&mut self, what: &str, at: &Range<usize>) {
        self.misspell_with(what, at, None);
    }

    fn misspell_with(&mut self, what: &str, at: &Range<usize>, and: Option<(Range<usize>, String)>) {
        let word = self.program.text(at);
        let site = self.site(format!("{what} {word}"));
        for typo in misspellings(word) {
            let mut edits = vec![(at.clone(), typo.clone())];
            edits.extend(and.clone());
            self.edit(&site, &typo, &edits, 0);
        }
    }

    fn drop_attributes(&mut self) {
        let program = self.program;
        for attribute in &program.attributes {
            let name = program.text(&attribute.name);
            let site = self.site(format!("attribute {name}, dropped"));
            self.edit(&site, "gone", &[(attribute.whole.clone(), String::new())], 0);
            // Nothing is left that could be underlined: any error will do.
            if let Some(mutant) = self.found.last_mut() {
                mutant.at = 0..mutant.source.len();
            }
        }
    }

    fn change_receiver(&mut self, method: &Method) {
        let program = self.program;
        let site = self.site(format!("receiver of {}", program.text(&method.name)));
        let Some(receiver) = &method.receiver else {
            for added in ["&self", "&mut self"] {
                let open = method.list.start..method.list.start + 1;
                let text = if method.params.is_empty() { format!("({added}") } else { format!("({added}, ") };
                self.edit(&site, added, &[(open, text)], 0);
            }
            return;
        };
        let written = program.text(receiver);
        let others = ["&self", "&mut self", "self", "mut self", "self: &Self", "self: &mut Self", "self: Box<Self>"];
        for other in others.into_iter().filter(|other| *other != written) {
            self.edit(&site, other, &[(receiver.clone(), other.to_owned())], 0);
        }
        let next = method.params.first().map_or(receiver.end, |param| param.whole.start);
        let edits =
            [(method.name.clone(), program.text(&method.name).to_owned()), (receiver.start..next, String::new())];
        self.edit(&site, "none", &edits, 0);
        // A body without `self` leaves the receiver to the macro alone.
        let [name, none] = edits;
        self.edit(&site, "none, and no body", &[name, none, never(program, method)], 0);
    }

    fn change_parameters(&mut self, method: &Method) {
        let program = self.program;
        let name = program.text(&method.name);
        let site = self.site(format!("order of the parameters of {name}"));
        let mut places: Vec<Range<usize>> = method.receiver.iter().cloned().collect();
        places.extend(method.params.iter().map(|param| param.whole.clone()));
        for pair in places.windows(2) {
            let [first, second] = pair else { continue };
            let texts = [program.text(first), program.text(second)];
            let edits = [(first.clone(), texts[1].to_owned()), (second.clone(), texts[0].to_owned())];
            self.edit(&site, &format!("{}, {}", texts[1], texts[0]), &edits, 1);
        }
        for param in &method.params {
            let site = self.site(format!("type of {} in {name}", program.text(&param.name)));
            let written = program.text(&param.ty);
            let by_reference = format!("&{written}");
            let owned = written.trim_start_matches('&').trim_start_matches("mut ");
            let others =
                ["usize", "f32", "Tensor<1>", "String", "&str", "impl Clone", "Tensor<B, 2>", &by_reference, owned];
            for other in others.into_iter().filter(|other| *other != written) {
                self.edit(&site, other, &[(param.ty.clone(), other.to_owned()), never(program, method)], 0);
            }
        }
        for added in ["epoch: usize", "outputs: Vec<f32>", "trainer: &Trainer<Self>"] {
            let site = self.site(format!("parameter added to {name}"));
            let close = method.list.end - 1..method.list.end;
            let comma = if places.is_empty() { "" } else { ", " };
            self.edit(&site, added, &[(close, format!("{comma}{added})"))], 0);
        }
        for param in &method.params {
            let site = self.site(format!("parameter dropped from {name}"));
            let before = places
                .iter()
                .rfind(|place| place.end <= param.whole.start)
                .map_or(param.whole.start, |place| place.end);
            let edits = [
                (method.name.clone(), name.to_owned()),
                (before..param.whole.end, String::new()),
                never(program, method),
            ];
            self.edit(&site, program.text(&param.whole), &edits, 0);
        }
    }

    fn change_output(&mut self, method: &Method) {
        let program = self.program;
        let site = self.site(format!("output of {}", program.text(&method.name)));
        let written = method.output.as_ref().map_or("", |output| program.text(output));
        let optional = format!("Option<{written}>");
        let fallible = format!("Result<{written}>");
        let list = format!("Vec<{written}>");
        let mut others = vec![
            "()",
            "bool",
            "usize",
            "f64",
            "String",
            "Tensor<1>",
            "Tensor<2>",
            "Tensor<1, Int>",
            "Tensor<B, 1>",
            "Self",
            "Option<()>",
            "Result<()>",
            "Result<usize>",
            "Result<Option<()>>",
            "impl Send",
            "Box<dyn Send>",
        ];
        if !written.is_empty() {
            others.extend([&*optional, &*fallible, &*list]);
        }
        let place = method.output.clone().unwrap_or(method.list.end..method.list.end);
        for other in others.into_iter().filter(|other| *other != written) {
            let text = if written.is_empty() { format!(" -> {other}") } else { other.to_owned() };
            // With a body of any type the output is left to the traits.
            self.edit(
                &site,
                &format!("{other}, and no body"),
                &[(place.clone(), text.clone()), never(program, method)],
                0,
            );
            self.edit(&site, other, &[(place.clone(), text)], 0);
        }
        if !written.is_empty() {
            let name = (method.name.clone(), program.text(&method.name).to_owned());
            let gone = (method.list.end..place.end, String::new());
            self.edit(&site, "none, and no body", &[name.clone(), gone.clone(), never(program, method)], 0);
            self.edit(&site, "none", &[name, gone], 0);
        }
    }

    fn qualify(&mut self, method: &Method) {
        let site = self.site(format!("qualifier of {}", self.program.text(&method.name)));
        for qualifier in ["async", "unsafe", "const", "extern \"C\""] {
            self.edit(&site, qualifier, &[(method.keyword.clone(), format!("{qualifier} fn"))], 0);
        }
        for generics in ["<T>", "<'a>", "<const N: usize>"] {
            let end = method.name.end..method.name.end;
            self.edit(&site, generics, &[(end, generics.to_owned())], 0);
        }
    }
}

/// The method's body replaced by one of every type, in which the metrics stay: their keys are used
/// elsewhere.
fn never(program: &Program<'_>, method: &Method) -> (Range<usize>, String) {
    let inside = |at: &Range<usize>| method.body.start < at.start && at.end < method.body.end;
    let logs = program.attributes.iter().filter(|attribute| program.text(&attribute.name) == "log");
    let logs = logs.filter(|attribute| inside(&attribute.whole)).map(|attribute| {
        let after = program.source[attribute.whole.end..].trim_start().trim_start_matches("let ");
        let variable = after.split(' ').next().unwrap_or_default();
        format!("{} let {variable} = 0.0; ", program.text(&attribute.whole))
    });
    (method.body.clone(), format!("{{ {}loop {{}} }}", logs.collect::<String>()))
}

/// A word with a letter left out, two letters exchanged, a letter doubled, or another letter in its
/// place; and its plural.
pub(crate) fn misspellings(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut typos = Vec::new();
    let mut push = |letters: &[char]| {
        let typo: String = letters.iter().collect();
        let is_name = typo.starts_with(|c: char| c.is_alphabetic()) && !KEYWORDS.contains(&typo.as_str());
        if is_name && typo != word && !typos.contains(&typo) {
            typos.push(typo);
        }
    };
    for at in 0..letters.len() {
        let mut missing = letters.clone();
        missing.remove(at);
        push(&missing);
        let mut doubled = letters.clone();
        doubled.insert(at, letters[at]);
        push(&doubled);
        let mut exchanged = letters.clone();
        if at + 1 < letters.len() {
            exchanged.swap(at, at + 1);
            push(&exchanged);
        }
        let mut other = letters.clone();
        other[at] = match letters[at] {
            'a' => 'e',
            'A' => 'E',
            upper if upper.is_uppercase() => 'A',
            _ => 'a',
        };
        push(&other);
    }
    let mut plural = letters.clone();
    plural.push('s');
    push(&plural);
    typos
}

const KEYWORDS: &[&str] = &["in", "fn", "let", "mod", "ref", "as", "if"];
