//! Values → the cells of a CSV file.

use crate::Value;
use crate::datatype::{Datatype, Member};
use crate::error::{Error, Result};

/// More columns than this are no table.
const MOST_COLUMNS: usize = 16_384;

/// The names of the columns that elements of `datatype` take, below the name `name`.
///
/// # Errors
/// `Unsupported` for what does not fit into cells.
pub(super) fn columns(name: &str, datatype: &Datatype) -> Result<Vec<String>> {
    let mut names = Vec::new();
    add(name, datatype, &mut names)?;
    if names.len() > MOST_COLUMNS {
        return Err(Error::limit(format!("a table of {} columns", names.len())));
    }
    Ok(names)
}

fn add(name: &str, datatype: &Datatype, names: &mut Vec<String>) -> Result<()> {
    match datatype {
        Datatype::Compound { members, .. } => {
            members.iter().try_for_each(|Member { name: member, datatype, .. }| {
                let member = member.to_text();
                let below = if name.is_empty() { member.into_owned() } else { format!("{name}.{member}") };
                add(&below, datatype, names)
            })
        }
        Datatype::Array { dims, base } => {
            let count = dims.iter().map(|&d| d as usize).product::<usize>();
            if count > MOST_COLUMNS || names.len() > MOST_COLUMNS {
                return Err(Error::limit("a table of very many columns"));
            }
            (0..count).try_for_each(|i| add(&format!("{name}[{i}]"), base, names))
        }
        Datatype::Sequence { .. } | Datatype::Reference { .. } => {
            Err(Error::unsupported(format!("{datatype} in a cell of a table")))
        }
        _ => {
            names.push(name.to_owned());
            Ok(())
        }
    }
}

/// Appends the cells of one element.
pub(super) fn fill(value: &Value, datatype: &Datatype, cells: &mut Vec<String>) {
    match (value, datatype) {
        (Value::Compound(values), Datatype::Compound { members, .. }) => {
            values.iter().zip(members).for_each(|((_, value), member)| fill(value, &member.datatype, cells));
        }
        (Value::Sequence(values), Datatype::Array { base, .. }) => {
            values.iter().for_each(|value| fill(value, base, cells));
        }
        (Value::Float(x), Datatype::Float(float)) if float.bits.size <= 4 => cells.push(float_text(*x as f32)),
        (Value::Float(x), _) => cells.push(float_text(*x)),
        (Value::Integer(n), _) => cells.push(n.to_string()),
        (Value::Enumeration(n, name), _) => cells.push(match name.as_ref().map(|name| name.to_text()).as_deref() {
            Some("TRUE") => "true".to_owned(),
            Some("FALSE") => "false".to_owned(),
            Some(name) => name.to_owned(),
            None => n.to_string(),
        }),
        (Value::String(text), _) => cells.push(text.to_text().into_owned()),
        (Value::Complex(re, im), _) => cells.push(format!("({re:?}{im:+?}j)")),
        (other, _) => cells.push(other.to_string()),
    }
}

/// The shortest text that is read as the same number; a missing one is an empty cell.
fn float_text<T: std::fmt::Debug + PartialEq>(x: T) -> String {
    // Only NaN differs from itself.
    #[expect(clippy::eq_op, reason = "that is the question")]
    if x != x { String::new() } else { format!("{x:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Element;

    #[test]
    fn compounds_and_arrays_are_spread_over_columns() {
        let inner = Datatype::compound([("x", f32::datatype()), ("s", String::datatype())]);
        let outer = Datatype::compound([("a", <[i16; 2]>::datatype()), ("b", inner)]);
        assert_eq!(columns("", &outer).unwrap(), ["a[0]", "a[1]", "b.x", "b.s"]);
        assert_eq!(columns("n", &i64::datatype()).unwrap(), ["n"]);
        assert!(columns("v", &<Vec<u8>>::datatype()).is_err());
        let pair = Value::Compound(vec![
            ("a".into(), Value::Sequence(vec![Value::Integer(1), Value::Integer(-2)])),
            (
                "b".into(),
                Value::Compound(vec![
                    ("x".into(), Value::Float(f64::from(0.1f32))),
                    ("s".into(), Value::String("ü".into())),
                ]),
            ),
        ]);
        let mut cells = Vec::new();
        fill(&pair, &outer, &mut cells);
        assert_eq!(cells, ["1", "-2", "0.1", "ü"]);
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        assert_eq!([0.1, 1e300, -0.0, f64::INFINITY, f64::NAN].map(float_text), ["0.1", "1e300", "-0.0", "inf", ""]);
    }
}
