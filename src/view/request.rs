//! The members of a request.

use crate::error::{Error, Result};
use serde_json::Value;

/// A request: a JSON object with an `op`.
pub(super) struct Request(Value);

/// The largest whole number that JavaScript has.
const LARGEST: f64 = 9_007_199_254_740_992.0;

impl Request {
    pub(super) fn parse(text: &[u8]) -> Result<Request> {
        let value: Value = serde_json::from_slice(text).map_err(|e| Error::invalid(format!("a request: {e}")))?;
        if value.is_object() { Ok(Request(value)) } else { Err(Error::invalid("a request that is no object")) }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|v| !v.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<&str> {
        self.get(name).and_then(Value::as_str).ok_or_else(|| wrong(name, "a text"))
    }

    /// A whole number, if it is given.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>> {
        self.get(name).map(|v| whole(v).ok_or_else(|| wrong(name, "a whole number"))).transpose()
    }

    pub(super) fn numbers(&self, name: &str) -> Result<Option<Vec<u64>>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let numbers = value.as_array().and_then(|list| list.iter().map(whole).collect());
        numbers.map(Some).ok_or_else(|| wrong(name, "a list of whole numbers"))
    }
}

/// A whole number of JavaScript, which may come as `3.0`.
pub(super) fn whole(value: &Value) -> Option<u64> {
    let float = || value.as_f64().filter(|x| x.fract() == 0.0 && (0.0..LARGEST).contains(x)).map(|x| x as u64);
    value.as_u64().or_else(float)
}

pub(super) fn wrong(name: &str, wanted: &str) -> Error {
    Error::invalid(format!("{name} must be {wanted}"))
}
