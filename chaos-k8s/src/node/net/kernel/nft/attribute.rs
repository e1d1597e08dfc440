//! Attributes of expressions, written by hand: the bindings have some under wrong numbers (`lookup`), in the wrong byte order
//! (`numgen`), or not at all (`fwd`, `byteorder`).

use std::ffi::CStr;

use netlink_bindings::utils::{finalize_nested_header, push_header, push_nested_header};

/// The value of an attribute.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attribute<'a> {
    Byte(u8),
    /// Big endian, as all of nf_tables.
    Number(u32),
    Name(&'a CStr),
    /// Data for a register.
    Value(&'a [u8]),
    /// A verdict, and the chain that it goes to.
    Verdict(u32, Option<&'a CStr>),
}

/// `NFTA_EXPR_DATA`.
const DATA: u16 = 2;
/// `NFTA_DATA_VALUE`, `NFTA_DATA_VERDICT`.
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
/// `NFTA_VERDICT_CODE`, `NFTA_VERDICT_CHAIN`.
const VERDICT_CODE: u16 = 1;
const VERDICT_CHAIN: u16 = 2;

/// Writes the attributes of one expression.
pub(super) fn write(bytes: &mut Vec<u8>, attributes: &[(u16, Attribute<'_>)]) {
    let data = push_nested_header(bytes, DATA);
    for (number, attribute) in attributes {
        match attribute {
            Attribute::Byte(value) => plain(bytes, *number, &[*value]),
            Attribute::Number(value) => plain(bytes, *number, &value.to_be_bytes()),
            Attribute::Name(name) => plain(bytes, *number, name.to_bytes_with_nul()),
            Attribute::Value(value) => nested(bytes, *number, |bytes| plain(bytes, DATA_VALUE, value)),
            Attribute::Verdict(code, chain) => nested(bytes, *number, |bytes| {
                nested(bytes, DATA_VERDICT, |bytes| {
                    plain(bytes, VERDICT_CODE, &code.to_be_bytes());
                    if let Some(chain) = chain {
                        plain(bytes, VERDICT_CHAIN, chain.to_bytes_with_nul());
                    }
                });
            }),
        }
    }
    finalize_nested_header(bytes, data);
}

fn plain(bytes: &mut Vec<u8>, number: u16, value: &[u8]) {
    push_header(bytes, number, value.len() as u16);
    bytes.extend(value);
}

fn nested(bytes: &mut Vec<u8>, number: u16, inside: impl FnOnce(&mut Vec<u8>)) {
    let start = push_nested_header(bytes, number);
    inside(bytes);
    finalize_nested_header(bytes, start);
}
