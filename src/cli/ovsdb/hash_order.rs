/// Gives `names`, inserted in this order, in the order in which a string hash of Open vSwitch (lib/shash.c on lib/hmap.c)
/// yields them: ovsdb-client prints tables, columns and monitored rows so. The hash is MurmurHash3, as it is on processors
/// for which Open vSwitch was built without a CRC32 instruction, such as Debian's for amd64.
pub(in crate::cli) fn hash_order<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut buckets: Vec<Vec<&str>> = vec![Vec::new()];
    for (index, name) in names.into_iter().enumerate() {
        insert(&mut buckets, name);
        let count = index + 1;
        if count / 2 > buckets.len() - 1 {
            buckets = resize(&buckets, bucket_count(count));
        }
    }
    buckets.into_iter().flat_map(|bucket| bucket.into_iter().rev()).collect()
}

/// Buckets are filled at the front; here their front is at the end.
fn insert<'a>(buckets: &mut [Vec<&'a str>], name: &'a str) {
    let bucket = hash(name.as_bytes()) as usize & (buckets.len() - 1);
    buckets[bucket].push(name);
}

fn resize<'a>(old: &[Vec<&'a str>], count: usize) -> Vec<Vec<&'a str>> {
    let mut new = vec![Vec::new(); count];
    for name in old.iter().flat_map(|bucket| bucket.iter().rev()) {
        insert(&mut new, name);
    }
    new
}

/// The least power of two greater than half of `count`, but not two.
fn bucket_count(count: usize) -> usize {
    match (count / 2 + 1).next_power_of_two() {
        2 => 4,
        count => count,
    }
}

/// MurmurHash3 for 32 bits, except that what is left after the last four bytes is mixed in like four more.
fn hash(bytes: &[u8]) -> u32 {
    let mixed = bytes.chunks(4).fold(0, |hash: u32, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        let word = u32::from_le_bytes(word).wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        (hash ^ word).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    });
    #[expect(clippy::cast_possible_truncation, reason = "the length is mixed in as 32 bits")]
    finish(mixed ^ bytes.len() as u32)
}

const fn finish(mut hash: u32) -> u32 {
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ovsdb-client list-columns SSL` of Open vSwitch 3.1 prints; the server sends the columns in this order too.
    #[test]
    fn columns_come_in_ovsdb_clients_order() {
        let printed =
            ["bootstrap_ca_cert", "_version", "certificate", "private_key", "_uuid", "external_ids", "ca_cert"];
        let sent = ["bootstrap_ca_cert", "certificate", "private_key", "external_ids", "ca_cert"];
        let parsed = hash_order(sent);
        assert_eq!(hash_order(["_uuid", "_version"].into_iter().chain(parsed)), printed);
    }

    #[test]
    fn every_name_comes_once() {
        let names: Vec<_> = (0..1000).map(|n| n.to_string()).collect();
        let mut ordered = hash_order(names.iter().map(String::as_str));
        ordered.sort_by_key(|name| name.parse::<u32>().unwrap());
        assert_eq!(ordered, names);
    }
}
