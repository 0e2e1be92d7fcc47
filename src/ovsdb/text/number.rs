/// Writes a number as C's `printf("%.15g")`: at most 15 significant digits (`DBL_DIG`), without trailing zeros, with an
/// exponent where it is less than -4 or greater than 14. So Open vSwitch writes every real.
#[must_use]
pub fn general(number: f64) -> String {
    const DIGITS: i32 = 15;
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let text = format!("{number:.14e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..DIGITS).contains(&exponent) {
        let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or(0);
        return without_zeros(&format!("{number:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(digits), exponent.unsigned_abs())
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_printf_writes_them() {
        for (number, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1.25, "-1.25"),
            (1000.0, "1000"),
            (0.003_906_25, "0.00390625"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.333333333333333"),
            (1e37, "1e+37"),
            (1e15, "1e+15"),
            (123_456_789_012_345.6, "123456789012346"),
            (999_999_999_999_999.9, "1e+15"),
            (0.000_1, "0.0001"),
            (0.000_01, "1e-05"),
            (-1e99, "-1e+99"),
            (f64::MAX, "1.79769313486232e+308"),
            (5e-324, "4.94065645841247e-324"),
        ] {
            assert_eq!(general(number), text);
        }
    }
}
