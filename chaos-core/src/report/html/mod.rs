//! The report as one self-contained page: inline style and SVG, no script, nothing fetched.
//!
//! | file | what it draws |
//! |---|---|
//! | `page` | the frame: head, verdict, replay |
//! | `faults`, `probes` | the tables |
//! | `chart` | latency, errors and calls over one time axis, with the faults shaded |
//! | `panel`, `scale`, `series`, `shades`, `labels` | what the chart is made of |
//! | `markup` | escaping and nesting |

mod chart;
mod faults;
mod labels;
mod markup;
mod page;
mod panel;
mod probes;
mod scale;
mod series;
mod shades;
