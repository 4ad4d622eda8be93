//! The hooks that a name may stand for.

/// Words of a stage or a moment, and the word that hooks have.
const WORDS: &[(&str, &str)] = &[
    ("training", "train"),
    ("val", "validation"),
    ("valid", "validation"),
    ("validate", "validation"),
    ("validating", "validation"),
    ("eval", "validation"),
    ("evaluate", "validation"),
    ("evaluation", "validation"),
    ("dev", "validation"),
    ("testing", "test"),
    ("prediction", "predict"),
    ("predicting", "predict"),
    ("pred", "predict"),
    ("inference", "predict"),
    ("begin", "start"),
    ("started", "start"),
    ("finish", "end"),
    ("finished", "end"),
    ("ended", "end"),
    ("loader", "dataloader"),
    ("loaders", "dataloader"),
    ("dataloaders", "dataloader"),
];

/// The names that `name` may stand for, the likeliest first: `on_train_epoch_end` for
/// `onTrainEpochEnd`, `train_epoch_end` and `on_training_epoch_finish`.
pub(crate) fn readings(name: &str) -> Vec<String> {
    let snake = snake_case(name);
    let snake = snake.strip_prefix("get_").filter(|rest| rest.ends_with("loader")).unwrap_or(&snake);
    let words = in_our_words(snake);
    let mut readings = vec![snake.to_owned(), words.join("_")];
    let moment = words.last().is_some_and(|last| *last == "start" || *last == "end");
    match words.as_slice() {
        [when @ ("before" | "after"), rest @ ..] if !rest.is_empty() => {
            let end = if *when == "before" { "start" } else { "end" };
            readings.push(format!("on_{}", words.join("_")));
            readings.push(format!("on_{}_{end}", rest.join("_")));
        }
        ["on", "before", rest @ ..] => readings.push(format!("on_{}_start", rest.join("_"))),
        ["on", "after", rest @ ..] => readings.push(format!("on_{}_end", rest.join("_"))),
        ["on", ..] => {}
        _ if moment => readings.push(format!("on_{}", words.join("_"))),
        _ => {}
    }
    readings
}

/// `on_train_end` for `onTrainEnd`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut after_lower = false;
    for letter in name.chars() {
        if letter.is_uppercase() && after_lower {
            snake.push('_');
        }
        after_lower = letter.is_lowercase();
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn in_our_words(name: &str) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::new();
    for word in name.split('_') {
        let word = WORDS.iter().find(|(other, _)| *other == word).map_or(word, |(_, ours)| ours);
        match words.last_mut() {
            // `data_loader`
            Some(last) if *last == "data" && word == "dataloader" => *last = word,
            _ => words.push(word),
        }
    }
    match words.as_mut_slice() {
        [stage @ "train", "step"] => *stage = "training",
        [stage @ "validation", "dataloader"] => *stage = "val",
        // Only steps have `step` in their name: `on_train_step_end` is `on_train_batch_end`.
        [.., step @ "step", "start" | "end"] => *step = "batch",
        _ => {}
    }
    words
}
