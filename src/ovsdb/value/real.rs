use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// A finite floating-point number. JSON has no others, and without NaN the order is total. There is no negative zero
/// either: ovsdb-server reads it as zero.
#[derive(Debug, Clone, Copy, Default)]
pub struct Real(f64);

impl Real {
    /// Accepts every number but NaN and the infinities.
    #[must_use]
    pub fn new(number: f64) -> Option<Self> {
        // Adding zero turns -0.0 into 0.0 and changes nothing else.
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl From<i32> for Real {
    fn from(number: i32) -> Self {
        Self(f64::from(number))
    }
}

impl Ord for Real {
    fn cmp(&self, other: &Self) -> Ordering {
        // The fallback is never taken: there is no NaN in a Real.
        self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Real {}

impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}
