//! `/events`: tells whoever shows a page that something is another one. What, it learns by asking for the page.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use hyper::body::{Bytes, Frame};
use tokio::time::sleep;
use writ_core::time::Timestamp;

use super::House;
use super::api::seen;

/// Time between two looks whether something is another one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks without news after which a sign of life is sent, so that whoever went away is noticed.
const QUIET_LOOKS_MAX: u32 = 15;

/// What makes two moments different ones.
type Mark = (Option<i64>, Option<Timestamp>, bool);

/// Events without end. The first comes at once, so that a page which was made before is renewed.
pub(super) fn events(house: Arc<House>) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    stream::unfold((house, None), |(house, told)| async move {
        let mut quiet = 0;
        loop {
            let mark = mark(&house);
            if told != Some(mark) {
                let (record, ..) = mark;
                let text = format!("retry: 3000\nevent: change\ndata: {}\n\n", record.unwrap_or_default());
                return Some((Ok(Frame::data(Bytes::from(text))), (house, Some(mark))));
            }
            if quiet == QUIET_LOOKS_MAX {
                return Some((Ok(Frame::data(Bytes::from_static(b": still here\n\n"))), (house, told)));
            }
            quiet += 1;
            sleep(LOOK_EVERY).await;
        }
    })
}

/// The newest record, the last look, and whether the journal was checked.
fn mark(house: &House) -> Mark {
    let record = house.reader().and_then(|reader| reader.head()).map(|head| head.record.0).ok();
    let verified = house.verified.lock().is_ok_and(|verified| verified.is_some());
    (record, seen(&house.bulletin.said()), verified)
}
