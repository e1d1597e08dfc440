//! The examples are programs in the folders beside this file.
