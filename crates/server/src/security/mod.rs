//! The classes of vulnerabilities that the contract lists (3.4.b), one file each: why this portal cannot have it. The
//! test that shows it, against the running server, has the same name under `crates/server/tests/it`. The portal is
//! inside the contract: what it asks of others it has to show of itself.

pub mod v01_sql_injection;
pub mod v02_os_command_injection;
pub mod v03_directory_traversal;
pub mod v04a_guessable_session_id;
pub mod v04b_session_id_leak;
pub mod v04c_cookie_attributes;
pub mod v04d_session_fixation;
pub mod v05_xss;
pub mod v06a_csrf;
pub mod v06b_clickjacking;
pub mod v07_mail_header_injection;
pub mod v08a_access_control;
pub mod v08b_authorisation;
pub mod v09_http_header_injection;
pub mod v10_eval_injection;
pub mod v11_race_condition;
pub mod v12_unintended_files;
pub mod v13_uploaded_scripts;
pub mod v14_cached_secrets;
pub mod v15_open_redirect;
pub mod v16_crawlers;

#[cfg(test)]
mod tests {
    use yakujo_contract::terms::Terms;

    #[test]
    fn every_class_of_the_contract_has_its_paragraph_here() {
        let here = include_str!("mod.rs");
        for class in Terms::standard().vulnerabilities {
            assert!(here.contains(&format!("pub mod {};", class.key)), "{}", class.key);
        }
    }
}
