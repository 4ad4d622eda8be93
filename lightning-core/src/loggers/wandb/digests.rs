//! The digests that W&B names files by: MD5 of artifacts and SHA-256 of media.

use std::io::{self, Read};

/// MD5. Source: RFC 1321.
///
/// # Errors
/// If the bytes cannot be read.
pub(super) fn md5(bytes: impl Read) -> io::Result<[u8; 16]> {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    // The integer parts of 2^32 |sin(i + 1)|, in radians.
    let sines: [u32; 64] = std::array::from_fn(|i| (((i + 1) as f64).sin().abs() * 4_294_967_296.0) as u32);
    let shift = |i: usize| SHIFTS.get(i / 16).and_then(|round| round.get(i % 4)).copied().unwrap_or_default();
    let shifts: [u32; 64] = std::array::from_fn(shift);
    padded(bytes, u64::to_le_bytes, |block| {
        let words = words(block, u32::from_le_bytes);
        let [mut a, mut b, mut c, mut d] = state;
        for ((i, sine), shift) in sines.iter().enumerate().zip(shifts) {
            let (mixed, at) = match i / 16 {
                0 => (b & c | !b & d, i),
                1 => (d & b | !d & c, 5 * i + 1),
                2 => (b ^ c ^ d, 3 * i + 5),
                _ => (c ^ (b | !d), 7 * i),
            };
            let word = words.get(at % 16).copied().unwrap_or_default();
            let sum = a.wrapping_add(mixed).wrapping_add(*sine).wrapping_add(word);
            (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(shift)));
        }
        state.iter_mut().zip([a, b, c, d]).for_each(|(sum, part)| *sum = sum.wrapping_add(part));
    })?;
    let mut digest = [0; 16];
    digest.iter_mut().zip(state.iter().flat_map(|word| word.to_le_bytes())).for_each(|(to, from)| *to = from);
    Ok(digest)
}

/// SHA-256. Source: FIPS 180-4.
///
/// # Errors
/// If the bytes cannot be read.
pub(super) fn sha256(bytes: impl Read) -> io::Result<[u8; 32]> {
    // The first 32 bits of the fractional parts of the cube roots and square roots of primes.
    let primes: Vec<u32> = (2..312).filter(|n| (2..*n).all(|d| n % d != 0)).collect();
    let fraction = |root: f64| (root.fract() * 4_294_967_296.0) as u32;
    let cubes: Vec<u32> = primes.iter().map(|prime| fraction(f64::from(*prime).cbrt())).collect();
    let mut state: [u32; 8] =
        std::array::from_fn(|i| primes.get(i).map(|prime| fraction(f64::from(*prime).sqrt())).unwrap_or_default());
    padded(bytes, u64::to_be_bytes, |block| {
        let mut schedule = words(block, u32::from_be_bytes).to_vec();
        for at in 16..64 {
            let word = |back: usize| schedule.get(at - back).copied().unwrap_or_default();
            let (early, late) = (word(15), word(2));
            let low = early.rotate_right(7) ^ early.rotate_right(18) ^ early >> 3;
            let high = late.rotate_right(17) ^ late.rotate_right(19) ^ late >> 10;
            schedule.push(word(16).wrapping_add(low).wrapping_add(word(7)).wrapping_add(high));
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for (word, cube) in schedule.iter().zip(&cubes) {
            let high = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let choice = e & f ^ !e & g;
            let first = h.wrapping_add(high).wrapping_add(choice).wrapping_add(*cube).wrapping_add(*word);
            let low = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let second = low.wrapping_add(a & b ^ a & c ^ b & c);
            (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(first), c, b, a, first.wrapping_add(second));
        }
        state.iter_mut().zip([a, b, c, d, e, f, g, h]).for_each(|(sum, part)| *sum = sum.wrapping_add(part));
    })?;
    let mut digest = [0; 32];
    digest.iter_mut().zip(state.iter().flat_map(|word| word.to_be_bytes())).for_each(|(to, from)| *to = from);
    Ok(digest)
}

/// Passes the blocks of a message with its padding: a bit, zeros, and the length in bits.
fn padded(mut bytes: impl Read, length: fn(u64) -> [u8; 8], mut block: impl FnMut(&[u8; 64])) -> io::Result<()> {
    const CHUNK: u64 = 64 * 1024;
    let (mut count, mut chunk) = (0, Vec::new());
    loop {
        chunk.clear();
        let read = bytes.by_ref().take(CHUNK).read_to_end(&mut chunk)? as u64;
        count += read;
        let (blocks, rest) = chunk.as_chunks::<64>();
        blocks.iter().for_each(&mut block);
        if read == CHUNK {
            continue;
        }
        let mut last = rest.to_vec();
        last.push(0x80);
        let zeros = if last.len() > 56 { 120 - last.len() } else { 56 - last.len() };
        last.resize(last.len() + zeros, 0);
        last.extend(length(count * 8));
        last.as_chunks::<64>().0.iter().for_each(block);
        return Ok(());
    }
}

fn words(block: &[u8; 64], read: fn([u8; 4]) -> u32) -> [u32; 16] {
    let (bytes, _) = block.as_chunks::<4>();
    std::array::from_fn(|at| bytes.get(at).copied().map(read).unwrap_or_default())
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The test suite of RFC 1321, A.5, and a message of one and of two blocks with padding.
    #[test]
    fn md5_is_that_of_the_rfc() {
        for (text, digest) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            assert_eq!(hex(&md5(text.as_bytes()).unwrap()), digest, "{text}");
        }
    }

    /// The examples of NIST for FIPS 180.
    #[test]
    fn sha256_is_that_of_the_standard() {
        for (text, digest) in [
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ] {
            assert_eq!(hex(&sha256(text.as_bytes()).unwrap()), digest, "{text}");
        }
    }
}
