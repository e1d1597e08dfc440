//! What the header of a program says.

use object::elf::{EM_AARCH64, EM_X86_64, FileHeader64, PT_DYNAMIC, PT_INTERP};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, elf};

use crate::Result;

/// Of the program, in the words of image manifests.
pub fn architecture(program: &[u8]) -> Result<&'static str> {
    let (header, endian) = parse(program)?;
    match header.e_machine(endian) {
        EM_X86_64 => Ok("amd64"),
        EM_AARCH64 => Ok("arm64"),
        other => Err(format!("no image for machine {other}")),
    }
}

/// Refuses a program that asks for a loader or a library.
pub fn must_be_static(program: &[u8]) -> Result {
    let (header, endian) = parse(program)?;
    for segment in header.program_headers(endian, program).map_err(|error| error.to_string())? {
        if segment.p_type(endian) == PT_INTERP {
            return Err("it asks for a loader, so it is not linked statically".to_owned());
        }
        if segment.p_type(endian) != PT_DYNAMIC {
            continue;
        }
        let wants = segment.dynamic(endian, program).map_err(|error| error.to_string())?.unwrap_or_default();
        if wants.iter().any(|entry| entry.tag32(endian) == Some(elf::DT_NEEDED)) {
            return Err("it asks for libraries, so it is not linked statically".to_owned());
        }
    }
    Ok(())
}

fn parse(program: &[u8]) -> Result<(&FileHeader64<Endianness>, Endianness)> {
    let header = FileHeader64::parse(program).map_err(|error| format!("no 64-bit ELF program: {error}"))?;
    let endian = FileHeader::endian(header).map_err(|error| error.to_string())?;
    Ok((header, endian))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_linked_to_libraries_and_text_is_no_program() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        architecture(&own).unwrap();
        assert!(must_be_static(&own).unwrap_err().contains("loader"));
        assert!(must_be_static(b"#!/bin/sh\n").unwrap_err().contains("no 64-bit ELF"));
    }
}
