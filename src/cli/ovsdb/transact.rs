use serde_json::{Value, json};

use super::syntax::fault;
use super::{Command, Failure};

/// Reads an argument that is JSON: an array or an object.
pub(super) fn read_json(text: &str) -> Result<Value, Failure> {
    let words = match serde_json::from_str(text) {
        Ok(json @ (Value::Array(_) | Value::Object(_))) => return Ok(json),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    };
    let words = fault(text).or(words).unwrap_or_default();
    Err(Failure::words(format!("\"{text}\": {words}")))
}

impl Command<'_> {
    pub(super) async fn transact(&mut self, arguments: &[String]) -> Result<(), Failure> {
        let transaction = read_json(&arguments[arguments.len() - 1])?;
        let results = self.send(arguments, transaction).await?;
        self.print_json(&results)
    }

    /// The same without any effect: an `abort` at the end, whose own result is not shown.
    pub(super) async fn query(&mut self, arguments: &[String]) -> Result<(), Failure> {
        let mut transaction = read_json(&arguments[arguments.len() - 1])?;
        let Some(elements) = transaction.as_array_mut() else { return Err(not_a_query()) };
        elements.push(json!({"op": "abort"}));
        let operations = elements.len() - 1;
        let mut results = self.send(arguments, transaction).await?;
        if let Some(results) = results.as_array_mut().filter(|results| results.len() == operations) {
            results.pop_if(|result| result["error"] == "aborted");
        }
        self.print_json(&results)
    }

    async fn send(&self, arguments: &[String], transaction: Value) -> Result<Value, Failure> {
        let database = transaction[0].as_str().ok_or_else(not_a_query)?.to_owned();
        let (session, _) = self.open(1, true, arguments, Some(&database)).await?;
        Ok(session.client.call("transact", transaction).await?)
    }
}

fn not_a_query() -> Failure {
    Failure::words("not a valid OVSDB query")
}
