//! Sound that is logged.

use crate::error::{Error, Result};

/// Sound that is logged.
///
/// ```
/// use lightning_core::loggers::Audio;
///
/// // A second of 440 Hz.
/// let samples = (0..16_000).map(|at| (at as f32 / 16_000.0 * 440.0 * std::f32::consts::TAU).sin() * 0.5);
/// let audio = Audio::mono(samples, 16_000);
/// assert_eq!(audio.channels, 1);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Audio {
    /// Samples from -1 to 1, the channels of one moment next to each other.
    pub samples: Vec<f32>,
    /// The number of channels: 1 for mono, 2 for stereo.
    pub channels: usize,
    /// Samples per second of each channel.
    pub sample_rate: u32,
}

impl Audio {
    /// Creates sound of one channel from samples from -1 to 1.
    pub fn mono(samples: impl IntoIterator<Item = f32>, sample_rate: u32) -> Self {
        Self { samples: samples.into_iter().collect(), channels: 1, sample_rate }
    }

    /// Creates sound of `channels` channels, whose samples of one moment are next to each other.
    ///
    /// # Errors
    /// If the number of samples is not a multiple of the number of channels.
    pub fn interleaved(samples: Vec<f32>, channels: usize, sample_rate: u32) -> Result<Self> {
        let audio = Self { samples, channels, sample_rate };
        audio.check().map(|()| audio)
    }

    fn check(&self) -> Result<()> {
        let Self { samples, channels, sample_rate } = self;
        if *channels == 0 || *channels > usize::from(u16::MAX) || !samples.len().is_multiple_of(*channels) {
            let text = format!(
                "sound of {channels} channels must have a multiple of {channels} samples, found {}",
                samples.len()
            );
            return Err(Error::data(text).help("pass one sample of each channel for every moment"));
        }
        if *sample_rate == 0 {
            return Err(Error::data("the sample rate of a sound must be at least 1, found 0")
                .help("pass the samples per second, such as 16000"));
        }
        Ok(())
    }

    /// Encodes the sound as a WAV file of 16 bits per sample. Samples outside of -1 to 1 are
    /// clipped; NaN is silence.
    ///
    /// Source: <http://soundfile.sapp.org/doc/WaveFormat/>.
    ///
    /// # Errors
    /// If the samples do not fit the channels, or are more than the format allows.
    pub fn to_wav(&self) -> Result<Vec<u8>> {
        const HEADER: u32 = 36;
        const SAMPLE: u32 = 2;
        self.check()?;
        let too_long = || Error::data("a WAV file has at most 4 GB of samples").help("log a part of it");
        let data = u32::try_from(self.samples.len()).ok().and_then(|len| len.checked_mul(SAMPLE));
        let (data, channels) = (data.ok_or_else(too_long)?, self.channels as u32);
        let riff = data.checked_add(HEADER).ok_or_else(too_long)?;
        let per_second = self.sample_rate.checked_mul(channels * SAMPLE).ok_or_else(too_long)?;
        let mut wav = b"RIFF".to_vec();
        wav.extend(riff.to_le_bytes());
        wav.extend(b"WAVEfmt ");
        // The length of this part, and 1 for uncompressed samples.
        wav.extend(16_u32.to_le_bytes());
        wav.extend(1_u16.to_le_bytes());
        wav.extend((self.channels as u16).to_le_bytes());
        wav.extend(self.sample_rate.to_le_bytes());
        wav.extend(per_second.to_le_bytes());
        wav.extend(((channels * SAMPLE) as u16).to_le_bytes());
        wav.extend(((SAMPLE * 8) as u16).to_le_bytes());
        wav.extend(b"data");
        wav.extend(data.to_le_bytes());
        for sample in &self.samples {
            let level = (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16;
            wav.extend(level.to_le_bytes());
        }
        Ok(wav)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_file_has_the_documented_header() -> Result<()> {
        let wav = Audio::interleaved(vec![0.0, 1.0, -1.0, f32::NAN], 2, 22_050)?.to_wav()?;
        // The example of the source, with 8 bytes of samples.
        let header =
            b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x22\x56\0\0\x88\x58\x01\0\x04\0\x10\0data\x08\0\0\0";
        assert_eq!(&wav[..44], header);
        assert_eq!(wav[44..], [0, 0, 0xff, 0x7f, 0x01, 0x80, 0, 0]);
        assert!(Audio::interleaved(vec![0.0; 3], 2, 22_050).is_err());
        assert!(Audio::mono([0.0], 0).to_wav().is_err());
        Ok(())
    }
}
