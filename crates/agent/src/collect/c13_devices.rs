//! 13.a, 8.a, 4.4.a: which devices are plugged in and which media are mounted, and what shows that the machine is the same.
//!
//! Read from `/sys` and the mount table alone. A disk, a network card or a USB device counts; what has no hardware behind
//! it (loop, RAM, bridges) does not. A serial number tells a device from its twin.

use super::c11_access::fingerprints;
use crate::reading::{Sources, hex};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use yakujo_contract::fact::host::HostIdentity;
use yakujo_contract::id::Digest;

/// File systems of media that people carry.
const CARRIED: [&str; 7] = ["iso9660", "udf", "vfat", "exfat", "ntfs", "ntfs3", "fuseblk"];
const MOST_DEVICES: usize = 500;
const MOST_LETTERS: usize = 120;
const SECTOR: u64 = 512;

/// One device, by what tells it from others.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Device {
    /// `storage`, `network`, `input`, `other`.
    pub class: String,
    /// Maker and product.
    pub product: String,
    /// Serial number.
    pub serial: Option<String>,
    /// Bytes it holds.
    pub bytes: Option<u64>,
}

/// All devices, by a name that stays while the device is there. `None`: `/sys` cannot be read.
#[must_use]
pub fn devices(sources: &Sources) -> Option<BTreeMap<String, Device>> {
    let mut found = BTreeMap::new();
    disks(sources, &mut found)?;
    cards(sources, &mut found);
    usb(sources, &mut found);
    media(&sources.read("/proc/self/mountinfo").unwrap_or_default(), &mut found);
    Some(found.into_iter().take(MOST_DEVICES).collect())
}

fn short(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(MOST_LETTERS).collect()
}

fn names(sources: &Sources, folder: &str) -> Option<Vec<String>> {
    let entries = std::fs::read_dir(sources.path(folder)).ok()?.flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Some(names)
}

/// A small file of `/sys`, where it says something.
fn word(sources: &Sources, path: &str) -> Option<String> {
    sources.read(path).ok().map(|text| short(&text)).filter(|text| !text.is_empty())
}

fn product(words: &[Option<String>], otherwise: &str) -> String {
    let said: Vec<&str> = words.iter().flatten().map(String::as_str).collect();
    if said.is_empty() { otherwise.to_owned() } else { said.join(" ") }
}

fn disks(sources: &Sources, found: &mut BTreeMap<String, Device>) -> Option<()> {
    for name in names(sources, "/sys/block")? {
        let at = |file: &str| format!("/sys/block/{name}/{file}");
        if !sources.path(&at("device")).exists() {
            continue;
        }
        let sectors = word(sources, &at("size")).and_then(|text| text.parse::<u64>().ok());
        let maker = [word(sources, &at("device/vendor")), word(sources, &at("device/model"))];
        let device = Device {
            class: "storage".to_owned(),
            product: product(&maker, &format!("disk {name}")),
            serial: word(sources, &at("device/serial")).or_else(|| word(sources, &at("device/wwid"))),
            // An empty card reader has no medium: what is put in changes its size.
            bytes: sectors.map(|sectors| sectors.saturating_mul(SECTOR)),
        };
        let bytes = device.bytes.unwrap_or(0);
        found.insert(format!("disk:{name}:{}:{bytes}", device.serial.as_deref().unwrap_or("")), device);
    }
    Some(())
}

fn cards(sources: &Sources, found: &mut BTreeMap<String, Device>) {
    for name in names(sources, "/sys/class/net").unwrap_or_default() {
        let at = |file: &str| format!("/sys/class/net/{name}/{file}");
        if !sources.path(&at("device")).exists() {
            continue;
        }
        let ids = [word(sources, &at("device/vendor")), word(sources, &at("device/device"))];
        let product = product(&ids, "network card");
        let serial = word(sources, &at("address"));
        let key = format!("card:{}", serial.as_deref().unwrap_or(&name));
        found.insert(key, Device { class: "network".to_owned(), product, serial, bytes: None });
    }
}

fn usb(sources: &Sources, found: &mut BTreeMap<String, Device>) {
    for name in names(sources, "/sys/bus/usb/devices").unwrap_or_default() {
        let at = |file: &str| format!("/sys/bus/usb/devices/{name}/{file}");
        // Interfaces (`1-1:1.0`) belong to their device, hubs at the root to the machine.
        let Some(vendor) = word(sources, &at("idVendor")).filter(|_| !name.starts_with("usb")) else {
            continue;
        };
        let id = format!("{vendor}:{}", word(sources, &at("idProduct")).unwrap_or_default());
        let said = [word(sources, &at("manufacturer")), word(sources, &at("product"))];
        let class = word(sources, &at(&format!("{name}:1.0/bInterfaceClass")));
        let class = match class.as_deref() {
            Some("08") => "storage",
            Some("03") => "input",
            Some("02" | "0a" | "e0") => "network",
            _ => "other",
        };
        let serial = word(sources, &at("serial"));
        let key = format!("usb:{name}:{id}:{}", serial.as_deref().unwrap_or(""));
        let product = format!("USB {} ({id})", product(&said, "device"));
        found.insert(key, Device { class: class.to_owned(), product, serial, bytes: None });
    }
}

/// Mounted media, by the mount table: `36 35 98:0 / /mnt rw,noatime - vfat /dev/sdb1 rw`.
pub fn media(mountinfo: &str, found: &mut BTreeMap<String, Device>) {
    for line in mountinfo.lines().take(10_000) {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let mut words = after.split(' ');
        let (Some(kind), Some(source)) = (words.next(), words.next()) else { continue };
        let Some(point) = before.split(' ').nth(4) else { continue };
        // The partition a host starts from is its own.
        let is_own = point == "/boot" || point.starts_with("/boot/");
        if !CARRIED.contains(&kind) || is_own {
            continue;
        }
        let product = short(&format!("medium ({kind}) {source}"));
        let device = Device { class: "storage".to_owned(), product, serial: None, bytes: None };
        found.insert(format!("medium:{source}:{kind}"), device);
    }
}

/// What shows that the machine is the same. `None`: it has no machine id.
#[must_use]
pub fn identity(sources: &Sources) -> Option<HostIdentity> {
    let id = sources.read("/etc/machine-id").ok().filter(|id| !id.trim().is_empty())?;
    let machine = Digest::try_from(hex(&Sha256::digest(id.trim()))).ok()?;
    let files = names(sources, "/etc/ssh").unwrap_or_default();
    let keys = files.iter().filter(|name| name.starts_with("ssh_host_") && name.ends_with("_key.pub"));
    let mut keys: Vec<String> = keys
        .flat_map(|name| fingerprints(&sources.read(&format!("/etc/ssh/{name}")).unwrap_or_default()))
        .collect();
    keys.sort();
    keys.truncate(20);
    let mut hardware = Vec::new();
    for (what, file) in
        [("board", "board_serial"), ("machine", "product_serial"), ("machine", "product_uuid")]
    {
        hardware.extend(
            word(sources, &format!("/sys/class/dmi/id/{file}")).map(|serial| format!("{what} {serial}")),
        );
    }
    let with_serial = |(key, device): (String, Device)| {
        let is_inside = key.starts_with("disk:") || key.starts_with("card:");
        device.serial.filter(|_| is_inside).map(|serial| format!("{} {serial}", device.class))
    };
    hardware.extend(devices(sources).unwrap_or_default().into_iter().filter_map(with_serial));
    hardware.truncate(100);
    Some(HostIdentity { machine, keys, tpm_quote: None, certificate_serial: None, hardware })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    fn write(tree: &Path, path: &str, text: &str) {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn devices_are_those_with_hardware_behind_them() {
        let tree = tempfile::tempdir().unwrap();
        write(tree.path(), "sys/block/loop0/size", "100\n");
        write(tree.path(), "sys/block/sdb/size", "2000\n");
        write(tree.path(), "sys/block/sdb/device/model", "Flash Disk  \n");
        write(tree.path(), "sys/class/net/lo/address", "00:00:00:00:00:00\n");
        write(tree.path(), "sys/class/net/eth0/address", "02:00:00:00:00:01\n");
        write(tree.path(), "sys/class/net/eth0/device/vendor", "0x1af4\n");
        write(tree.path(), "sys/bus/usb/devices/1-2/idVendor", "0951\n");
        write(tree.path(), "sys/bus/usb/devices/1-2/idProduct", "1666\n");
        write(tree.path(), "sys/bus/usb/devices/1-2/product", "DataTraveler\n");
        write(tree.path(), "sys/bus/usb/devices/1-2/serial", "AA01\n");
        write(tree.path(), "sys/bus/usb/devices/1-2/1-2:1.0/bInterfaceClass", "08\n");
        write(tree.path(), "sys/bus/usb/devices/usb1/idVendor", "1d6b\n");
        write(
            tree.path(),
            "proc/self/mountinfo",
            "36 35 8:17 / /media/x rw - vfat /dev/sdb1 rw\n40 35 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n41 35 0:4 / /proc rw - proc proc rw\n",
        );
        let found = devices(&Sources::under(tree.path())).unwrap();
        let told: Vec<String> = found
            .values()
            .map(|device| {
                format!("{} {} {:?} {:?}", device.class, device.product, device.serial, device.bytes)
            })
            .collect();
        assert_eq!(
            told,
            [
                "network 0x1af4 Some(\"02:00:00:00:00:01\") None",
                "storage Flash Disk None Some(1024000)",
                "storage medium (vfat) /dev/sdb1 None None",
                "storage USB DataTraveler (0951:1666) Some(\"AA01\") None",
            ]
        );
    }

    #[test]
    fn this_host_has_a_disk_and_another_machine_id_is_another_digest() {
        let found = devices(&Sources::of_this_host()).unwrap();
        assert!(found.values().any(|device| device.class == "storage"), "{found:?}");
        let tree = tempfile::tempdir().unwrap();
        let sources = Sources::under(tree.path());
        assert!(identity(&sources).is_none());
        write(tree.path(), "etc/machine-id", "aa\n");
        let first = identity(&sources).unwrap();
        write(tree.path(), "etc/machine-id", "bb\n");
        assert_ne!(first.machine, identity(&sources).unwrap().machine);
    }

    proptest! {
        #[test]
        fn no_mount_table_makes_it_fail(text in "(36 35 8:1 / /m rw| - |vfat|udf| /dev/x|\n|.{0,6}){0,12}") {
            media(&text, &mut BTreeMap::new());
        }
    }
}
