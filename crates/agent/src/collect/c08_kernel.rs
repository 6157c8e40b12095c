//! 8.a, 8.b: the running kernel, its boot parameters, and those of its parameters that bear on security.

use crate::reading::{Items, Sources, open_content};
use yakujo_contract::change::Object;

/// Parameters, as paths below `/proc/sys`. None of them needs the right CAP_SYS_ADMIN to be read (`net/core/bpf_jit_harden`
/// does): the collector has given it up.
const PARAMETERS: [&str; 29] = [
    "fs/protected_fifos",
    "fs/protected_hardlinks",
    "fs/protected_regular",
    "fs/protected_symlinks",
    "fs/suid_dumpable",
    "kernel/core_pattern",
    "kernel/dmesg_restrict",
    "kernel/kexec_load_disabled",
    "kernel/kptr_restrict",
    "kernel/modules_disabled",
    "kernel/perf_event_paranoid",
    "kernel/randomize_va_space",
    "kernel/sysrq",
    "kernel/unprivileged_bpf_disabled",
    "kernel/unprivileged_userns_clone",
    "kernel/yama/ptrace_scope",
    "net/ipv4/conf/all/accept_redirects",
    "net/ipv4/conf/all/accept_source_route",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/all/log_martians",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/all/send_redirects",
    "net/ipv4/icmp_echo_ignore_broadcasts",
    "net/ipv4/ip_forward",
    "net/ipv4/tcp_syncookies",
    "net/ipv6/conf/all/accept_ra",
    "net/ipv6/conf/all/accept_redirects",
    "net/ipv6/conf/all/forwarding",
    "vm/mmap_min_addr",
];

/// Reads them.
#[must_use]
pub fn collect(sources: &Sources) -> Vec<Items> {
    let (mut kernel, mut parameters) = (Items::of(Object::Kernel), Items::of(Object::Parameter));
    for (name, path) in [("release", "/proc/sys/kernel/osrelease"), ("boot parameters", "/proc/cmdline")] {
        match sources.read(path) {
            Ok(text) => drop(kernel.items.insert(name.to_owned(), open_content(text.trim()))),
            Err(error) => kernel.missed(format!("{path}: {error}")),
        }
    }
    for name in PARAMETERS {
        match sources.read(&format!("/proc/sys/{name}")) {
            Ok(text) => drop(parameters.items.insert(name.replace('/', "."), open_content(text.trim()))),
            // Not every kernel has every parameter.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => parameters.missed(format!("{name}: {error}")),
        }
    }
    vec![kernel, parameters]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_a_release_and_parameters() {
        let all = collect(&Sources::of_this_host());
        assert_eq!(
            all[0].items["release"].value.as_deref(),
            Some(rustix::system::uname().release().to_str().unwrap())
        );
        assert!(all[1].items["kernel.randomize_va_space"].value.is_some());
    }
}
