//! The agreed numbers judges measure by: a law of the tests walks them and takes each away.

use crate::parameter::ParameterId;

/// One agreed number that a judge measures by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The duty.
    pub duty: &'static str,
    /// The parameter.
    pub parameter: ParameterId,
    /// The value of it.
    pub value: &'static str,
}

const fn by(duty: &'static str, parameter: u8, value: &'static str) -> Measured {
    Measured { duty, parameter: ParameterId::new(parameter), value }
}

/// The numbers judges measure by. A contract with the duty must have the parameter.
pub static MEASURES: [Measured; 64] = [
    by("1.b", 34, "review_months"),
    by("1.b", 34, "after_change_bd"),
    by("1.b", 37, "close_min"),
    by("2.1.a", 1, "good_h"),
    by("2.1.a", 1, "breach_h"),
    by("2.1.a", 3, "engine_lag_d"),
    by("2.1.a", 2, "good_d"),
    by("2.1.a", 2, "breach_d"),
    by("2.1.c", 22, "emergency_bd"),
    by("2.1.c", 37, "close_min"),
    by("2.1.d", 4, "first_min"),
    by("2.1.d", 4, "blocked_bd"),
    by("2.1.d", 37, "close_min"),
    by("2.1.d", 22, "emergency_bd"),
    by("2.1.e", 5, "isolate_min"),
    by("2.1.e", 22, "emergency_bd"),
    by("2.1.e", 37, "close_min"),
    by("2.1.f", 22, "emergency_bd"),
    by("3.2.b", 8, "s_bd"),
    by("3.2.b", 8, "a_bd"),
    by("3.2.b", 37, "close_min"),
    by("3.3.a", 37, "close_min"),
    by("3.3.b", 37, "close_min"),
    by("3.3.c", 37, "close_min"),
    by("3.5.a", 10, "warn_d"),
    by("4.2.a", 11, "admin_min"),
    by("4.2.a", 11, "resident_min"),
    by("4.2.a", 11, "staff_min"),
    by("4.2.a", 11, "citizen_min"),
    by("4.4.a", 12, "cert_life_d"),
    by("4.4.a", 12, "dormant_d"),
    by("4.5.a", 13, "tls_minor"),
    by("4.5.a", 14, "warn_d"),
    by("5.c", 16, "deliver_bd"),
    by("5.c", 37, "close_min"),
    by("6.a", 18, "warn_ms"),
    by("6.a", 18, "breach_ms"),
    by("7.a", 20, "stop_s"),
    by("7.a", 20, "probes"),
    by("7.a", 22, "emergency_bd"),
    by("8.a", 17, "breach_h"),
    by("8.a", 22, "emergency_bd"),
    by("8.b", 23, "shown_bd"),
    by("8.b", 37, "close_min"),
    by("9.a", 37, "close_min"),
    by("9.b", 37, "close_min"),
    by("9.b", 24, "full_percent"),
    by("9.b", 24, "high_percent"),
    by("9.b", 24, "warn_percent"),
    by("9.b", 24, "forecast_d"),
    by("10.a", 25, "s_h"),
    by("10.a", 25, "a_h"),
    by("10.a", 25, "b_h"),
    by("10.a", 26, "s_d"),
    by("10.a", 26, "a_d"),
    by("10.a", 26, "b_d"),
    by("10.a", 26, "check_d"),
    by("10.b", 26, "key_d"),
    by("11.a", 27, "unlisted_h"),
    by("11.a", 27, "dormant_d"),
    by("12.1.b", 22, "emergency_bd"),
    by("12.1.d", 22, "emergency_bd"),
    by("12.2.a", 22, "emergency_bd"),
    by("13.a", 22, "emergency_bd"),
];
