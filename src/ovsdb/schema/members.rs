use serde_json::{Map, Value};

use crate::ovsdb::value::{Problem, ValueError, describe, is_id};

/// The members of an object, taken out one after the other; in the end none may be left.
pub(super) struct Members<'a> {
    object: &'a Map<String, Value>,
    taken: Vec<&'static str>,
}

impl<'a> Members<'a> {
    pub(super) fn of(json: &'a Value, wanted: &'static str) -> Result<Self, ValueError> {
        let object = json.as_object().ok_or_else(|| ValueError::expected(wanted, json))?;
        Ok(Self { object, taken: Vec::new() })
    }

    pub(super) fn optional(&mut self, name: &'static str) -> Option<&'a Value> {
        self.taken.push(name);
        self.object.get(name)
    }

    pub(super) fn required(&mut self, name: &'static str) -> Result<&'a Value, ValueError> {
        self.optional(name).ok_or_else(|| Problem::Missing(name).into())
    }

    pub(super) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, ValueError> {
        self.typed(name, "boolean", Value::as_bool)
    }

    pub(super) fn integer(&mut self, name: &'static str) -> Result<Option<i64>, ValueError> {
        self.typed(name, "integer", integer)
    }

    pub(super) fn number(&mut self, name: &'static str) -> Result<Option<f64>, ValueError> {
        self.typed(name, "number", Value::as_f64)
    }

    pub(super) fn string(&mut self, name: &'static str) -> Result<Option<&'a str>, ValueError> {
        self.typed(name, "string", Value::as_str)
    }

    pub(super) fn id(&mut self, name: &'static str) -> Result<Option<&'a str>, ValueError> {
        self.typed(name, "id", |json| json.as_str().filter(|text| is_id(text)))
    }

    pub(super) fn array(&mut self, name: &'static str) -> Result<Option<&'a Vec<Value>>, ValueError> {
        self.typed(name, "array", Value::as_array)
    }

    pub(super) fn object(&mut self, name: &'static str) -> Result<Option<&'a Map<String, Value>>, ValueError> {
        self.typed(name, "object", Value::as_object)
    }

    fn typed<T>(
        &mut self,
        name: &'static str,
        wanted: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ValueError> {
        let Some(json) = self.optional(name) else { return Ok(None) };
        let mismatch = || Problem::Mismatch { member: name, wanted, found: describe(json) };
        read(json).map(Some).ok_or_else(|| ValueError::from(mismatch()).within(name))
    }

    pub(super) fn finish(self) -> Result<(), ValueError> {
        match self.object.keys().find(|name| !self.taken.contains(&name.as_str())) {
            Some(name) => Err(ValueError::from(Problem::Surplus(name.clone())).within(name)),
            None => Ok(()),
        }
    }
}

/// Turns a lack of a member into an error.
pub(super) fn require<T>(name: &'static str, member: Option<T>) -> Result<T, ValueError> {
    member.ok_or_else(|| Problem::Missing(name).into())
}

/// A number without fraction that fits 64 bits, also where it is written as `1e3` or `5.0`, as ovsdb-server reads it.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
pub(super) fn integer(json: &Value) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    json.as_i64().or_else(|| {
        let number = json.as_f64().filter(|_| !json.is_u64())?;
        (number.fract() == 0.0 && (-LIMIT..LIMIT).contains(&number)).then_some(number as i64)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn integers_may_be_written_as_reals() {
        assert_eq!(integer(&json!(1e3)), Some(1000));
        assert_eq!(integer(&json!(-5.0)), Some(-5));
        assert_eq!(integer(&json!(i64::MIN)), Some(i64::MIN));
        for json in [json!(0.5), json!(1e19), json!(u64::MAX), json!("1"), json!(null)] {
            assert_eq!(integer(&json), None, "{json}");
        }
    }
}
