//! Two ways to count the words of a file; neither knows of faults.

use std::io::{self, SeekFrom};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt};

/// How often in a row the disk may fail.
const PATIENCE: u32 = 5;

/// One read, and what it brings is the file.
pub async fn naive<R: AsyncRead + Unpin>(open: impl AsyncFn() -> io::Result<R>) -> io::Result<usize> {
    let mut text = vec![0; 1 << 20];
    let bytes = open().await?.read(&mut text).await?;
    Ok(words(&text[..bytes]))
}

/// Reads until the end, whatever it takes.
pub async fn robust<R>(open: impl AsyncFn() -> io::Result<R>) -> io::Result<usize>
where
    R: AsyncRead + AsyncSeek + Unpin,
{
    let (mut text, mut failures) = (Vec::new(), 0);
    let mut file = open().await?;
    loop {
        match file.read_buf(&mut text).await {
            Ok(0) => return Ok(words(&text)),
            Ok(_) => failures = 0,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) if failures == PATIENCE => return Err(err),
            Err(_) => {
                failures += 1;
                file = open().await?;
                file.seek(SeekFrom::Start(text.len() as u64)).await?;
            }
        }
    }
}

fn words(text: &[u8]) -> usize {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count()
}
