//! The orientation of an image, as cameras store it.

use crate::data::Image;

/// The tag of the orientation in a directory of TIFF, the format of EXIF data.
const TAG: u16 = 0x0112;

/// The longest text of a PNG file that is searched, in bytes.
const LONGEST_TEXT: usize = 1 << 20;

/// How the stored pixels are turned to be seen upright (EXIF 3.0, section 4.6.5.1.6), from 1 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation(u32);

impl Default for Orientation {
    /// Upright as stored.
    fn default() -> Self {
        Self(1)
    }
}

impl Orientation {
    /// Reads the orientation in EXIF data, or else in XMP data. Data without one, or that cannot be
    /// read, is upright: the pixels are read in spite of a damaged comment.
    pub(super) fn of(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Self {
        // The prefix belongs to a JPEG segment, but some programs write it into PNG files too.
        let tiff = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
        let found = tiff.and_then(in_first_directory).or_else(|| xmp.and_then(in_xmp));
        found.filter(|value| (1..=8).contains(value)).map_or(Self::default(), Self)
    }

    /// Reads the orientation of a PNG file: in the chunk `eXIf`, or in the texts of programs that
    /// are older than it.
    pub(super) fn of_png(info: &png::Info<'_>) -> Self {
        let profile = info.exif_metadata.is_none().then(|| raw_profile(info)).flatten();
        let exif = info.exif_metadata.as_deref().or(profile.as_deref());
        let xmp = info.utf8_text.iter().find(|chunk| chunk.keyword == "XML:com.adobe.xmp").and_then(|chunk| {
            let mut chunk = chunk.clone();
            chunk.decompress_text_with_limit(LONGEST_TEXT).ok()?;
            chunk.get_text().ok()
        });
        Self::of(exif, xmp.as_deref().map(str::as_bytes))
    }

    /// Turns an image upright, as Pillow's `ImageOps.exif_transpose`.
    pub(super) fn apply(self, image: Image) -> Image {
        match self.0 {
            2 => image.flip_horizontal(),
            3 => image.flip_horizontal().flip_vertical(),
            4 => image.flip_vertical(),
            5 => image.transpose(),
            6 => image.transpose().flip_horizontal(),
            7 => image.transpose().flip_horizontal().flip_vertical(),
            8 => image.transpose().flip_vertical(),
            _ => image,
        }
    }
}

/// EXIF data as ImageMagick writes it into a text of a PNG file: the name of the profile and its
/// length on lines of their own, then hexadecimal digits.
fn raw_profile(info: &png::Info<'_>) -> Option<Vec<u8>> {
    const KEYWORD: &str = "Raw profile type exif";

    let plain = info.uncompressed_latin1_text.iter().find(|chunk| chunk.keyword == KEYWORD);
    let text = match plain {
        Some(chunk) => chunk.text.clone(),
        None => {
            let mut chunk = info.compressed_latin1_text.iter().find(|chunk| chunk.keyword == KEYWORD)?.clone();
            chunk.decompress_text_with_limit(LONGEST_TEXT).ok()?;
            chunk.get_text().ok()?
        }
    };
    let digits: Vec<u8> = text.split('\n').skip(3).flat_map(str::bytes).filter_map(hex_digit).collect();
    Some(digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect())
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The orientation in XMP data, as an attribute or as an element.
fn in_xmp(xmp: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"tiff:Orientation";

    xmp.windows(NAME.len()).enumerate().filter(|(_, name)| *name == NAME).find_map(|(at, _)| {
        let rest = xmp.get(at + NAME.len()..)?;
        let value = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?;
        char::from(*value.first()?).to_digit(10)
    })
}

/// The value of [`TAG`] in the first directory of TIFF data.
fn in_first_directory(tiff: &[u8]) -> Option<u32> {
    let is_little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = long(4)? as usize;
    let entries = usize::from(short(directory)?);
    // An entry is a tag, the type of its values, their number, and a value of up to four bytes.
    let mut starts = (0..entries).map_while(|entry| directory.checked_add(2 + 12 * entry));
    let entry = starts.find(|start| short(*start) == Some(TAG))?;
    match short(entry + 2)? {
        3 => short(entry + 8).map(u32::from),
        4 => long(entry + 8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no camera writes, which must neither panic nor turn the image.
    #[test]
    fn data_without_an_orientation_is_upright() {
        let whole = [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0".as_slice(), &[0; 4]].concat();
        assert_eq!(Orientation::of(Some(&whole), None), Orientation(6));
        for len in 0..20 {
            assert_eq!(Orientation::of(Some(&whole[..len]), None), Orientation(1), "{len}");
        }
        for (at, byte) in [(0, b'X'), (4, 0xff), (7, 0xff), (10, 0), (12, 9), (18, 0), (18, 9)] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            assert_eq!(Orientation::of(Some(&damaged), None), Orientation(1), "{at}");
        }
    }
}
