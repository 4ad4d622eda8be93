//! The values of a hyperparameter as text: `log(1e-5..1e-1)`, as in `#[hparam(search = …)]`.

use serde_json::Value;

use crate::search::{Distribution, IntoDistribution, Parameter};

/// A parsed text.
#[derive(Debug)]
pub(super) struct Range(pub(super) Distribution);

impl IntoDistribution<()> for Range {
    fn into_parameters(self) -> Vec<Parameter> {
        vec![Parameter::new("", self.0)]
    }
}

/// Reads a text.
///
/// # Errors
/// The message and what to write.
pub(super) fn parse(text: &str) -> Result<Distribution, (String, String)> {
    let help =
        || "write `uniform(0.0..1.0)`, `log(1e-5..1e-1)`, `int(1..=8)`, `choice(32, 64)` or `boolean`".to_owned();
    let wrong = |what: &str| (format!("{what}, found `{text}`"), help());
    let trimmed = text.trim();
    if trimmed == "boolean" {
        return Ok(Distribution::Categorical { choices: vec![Value::Bool(false), Value::Bool(true)] });
    }
    let inner = trimmed.split_once('(').and_then(|(name, rest)| Some((name.trim(), rest.strip_suffix(')')?)));
    let Some((name, inner)) = inner else { return Err(wrong("the values must be a call")) };
    let mut parts = inner.split(',').map(str::trim);
    match name {
        "choice" => {
            let choices: Vec<Value> = parts.filter(|part| !part.is_empty()).map(choice).collect();
            match choices.is_empty() {
                true => Err(wrong("`choice` must have values")),
                false => Ok(Distribution::Categorical { choices }),
            }
        }
        "uniform" | "log" | "log_uniform" | "int" => {
            let range = parts.next().unwrap_or_default();
            let (low, high) = range.split_once("..").ok_or_else(|| wrong("a range must have two ends"))?;
            let (mut is_log, mut step) = (name.starts_with("log"), None);
            for part in parts {
                match part.split_once('=') {
                    None if part == "log" => is_log = true,
                    Some((key, value)) if key.trim() == "step" => step = Some(value.trim()),
                    _ => return Err(wrong("the options are `log` and `step = 8`")),
                }
            }
            if name == "int" {
                let high =
                    high.strip_prefix('=').ok_or_else(|| wrong("a range of integers must include its end, `1..=8`"))?;
                let int = |text: &str| text.trim().parse::<i64>().map_err(|_| wrong("the ends must be integers"));
                let step = step.map_or(Ok(1), int)?;
                return Ok(Distribution::Int { low: int(low)?, high: int(high)?, log: is_log, step });
            }
            let high = high.strip_prefix('=').unwrap_or(high);
            let float = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong("the ends must be numbers"));
            let step = step.map(float).transpose()?;
            Ok(Distribution::Float { low: float(low)?, high: float(high)?, log: is_log, step })
        }
        other => {
            let names = ["uniform", "log", "int", "choice", "boolean"];
            let near = lightning_config::nearest(other, names);
            Err((
                format!("unknown distribution `{other}`"),
                near.map_or_else(help, |near| format!("did you mean `{near}`?")),
            ))
        }
    }
}

/// A value: JSON, or else a text.
fn choice(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
