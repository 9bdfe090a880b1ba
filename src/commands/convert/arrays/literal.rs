//! Python literals, as far as headers of .npy files use them.

use crate::error::{Error, Result};

/// A value written as Python writes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Number(u64),
    Bool(bool),
    None,
    /// A tuple or a list.
    List(Vec<Literal>),
    Dict(Vec<(String, Literal)>),
}

/// Nobody nests deeper.
const DEEPEST: usize = 32;

impl Literal {
    /// # Errors
    /// `Damaged` for anything else than one literal.
    pub(super) fn parse(text: &str) -> Result<Literal> {
        let mut parser = Parser { rest: text.trim_end_matches(['\n', '\0', ' ']) };
        let value = parser.value(0)?;
        parser.skip();
        if parser.rest.is_empty() { Ok(value) } else { Err(parser.wrong()) }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Literal> {
        match self {
            Literal::Dict(pairs) => pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The numbers of a tuple.
    pub(super) fn numbers(&self) -> Option<Vec<u64>> {
        match self {
            Literal::List(items) => {
                items.iter().map(|item| if let Literal::Number(n) = item { Some(*n) } else { None }).collect()
            }
            Literal::Number(n) => Some(vec![*n]),
            _ => None,
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn wrong(&self) -> Error {
        let near: String = self.rest.chars().take(20).collect();
        Error::damaged(format!("the header of the array cannot be understood near {near:?}"))
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Result<Literal> {
        if depth > DEEPEST {
            return Err(Error::limit("the header of the array is nested too deep"));
        }
        self.skip();
        for (word, value) in [("True", Literal::Bool(true)), ("False", Literal::Bool(false)), ("None", Literal::None)] {
            if self.take(word) {
                return Ok(value);
            }
        }
        match self.rest.chars().next() {
            Some('(') => self.list("(", ")", depth),
            Some('[') => self.list("[", "]", depth),
            Some('{') => self.dict(depth),
            Some('\'' | '"' | 'u' | 'b') => self.text(),
            Some('0'..='9') => {
                let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
                let (digits, rest) = self.rest.split_at(end);
                let number = digits.parse().map_err(|_| self.wrong())?;
                // Python 2 wrote `3L`.
                self.rest = rest.strip_prefix('L').unwrap_or(rest);
                Ok(Literal::Number(number))
            }
            _ => Err(self.wrong()),
        }
    }

    fn list(&mut self, open: &str, close: &str, depth: usize) -> Result<Literal> {
        let mut items = Vec::new();
        let mut commas = 0;
        self.take(open);
        while !self.take(close) {
            items.push(self.value(depth + 1)?);
            if self.take(",") {
                commas += 1;
            } else if self.take(close) {
                break;
            } else {
                return Err(self.wrong());
            }
        }
        match items.pop() {
            // Brackets around one value are no tuple.
            Some(only) if open == "(" && items.is_empty() && commas == 0 => Ok(only),
            last => {
                items.extend(last);
                Ok(Literal::List(items))
            }
        }
    }

    fn dict(&mut self, depth: usize) -> Result<Literal> {
        let mut pairs = Vec::new();
        self.take("{");
        while !self.take("}") {
            let Literal::Text(key) = self.value(depth + 1)? else {
                return Err(self.wrong());
            };
            if !self.take(":") {
                return Err(self.wrong());
            }
            pairs.push((key, self.value(depth + 1)?));
            if !self.take(",") && !self.rest.trim_start().starts_with('}') {
                return Err(self.wrong());
            }
        }
        Ok(Literal::Dict(pairs))
    }

    fn text(&mut self) -> Result<Literal> {
        self.rest = self.rest.trim_start_matches(['u', 'b']);
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or_else(|| self.wrong())?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(Literal::Text(text));
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some(width @ ('x' | 'u' | 'U')) => {
                        let digits = match width {
                            'x' => 2,
                            'u' => 4,
                            _ => 8,
                        };
                        let hex: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                        let code = u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == digits);
                        text.push(code.and_then(char::from_u32).ok_or_else(|| self.wrong())?);
                    }
                    Some(other) => text.push(other),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(self.wrong())
    }
}

/// A text as Python writes it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_python_reads_them() {
        let header =
            "{'descr': [('a b', '<f4', (2,)), ((\"t\", 'ü'), '|S3')], 'fortran_order': False, 'shape': (3L, 4), }   \n";
        let parsed = Literal::parse(header).unwrap();
        assert_eq!(parsed.get("fortran_order"), Some(&Literal::Bool(false)));
        assert_eq!(parsed.get("shape").and_then(Literal::numbers), Some(vec![3, 4]));
        let Some(Literal::List(fields)) = parsed.get("descr") else { panic!("{parsed:?}") };
        assert_eq!(fields.len(), 2);
        assert_eq!(Literal::parse("()").unwrap().numbers(), Some(vec![]));
        assert_eq!(Literal::parse("(5,)").unwrap().numbers(), Some(vec![5]));
        for text in ["it's", "a\\b", "\n\u{1}", "ü"] {
            assert_eq!(Literal::parse(&quoted(text)).unwrap(), Literal::Text(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_literal_is_refused() {
        for wrong in ["", "{", "{'a': 1", "(1, 2", "'a", "__import__('os')", "1 2", "{1: 2}", "-1", "'\\x4'"] {
            assert!(Literal::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Literal::parse(&"(".repeat(100_000)).is_err());
    }
}
