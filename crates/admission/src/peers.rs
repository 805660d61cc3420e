//! How many connections one peer holds: nobody alone takes the places of all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

type Open = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Connections by peer.
#[derive(Debug)]
pub(crate) struct Peers {
    most: usize,
    open: Open,
}

/// A place of a peer; it is free again when this ends.
#[derive(Debug)]
pub(crate) struct Place {
    peer: IpAddr,
    open: Open,
}

impl Peers {
    /// At most so many connections for each.
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), open: Open::default() }
    }

    /// A place, if the peer may have one more.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Place> {
        let peer = network(address);
        let mut open = self.open.lock();
        let count = open.entry(peer).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { peer, open: Arc::clone(&self.open) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(count) = open.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.peer);
            }
        }
    }
}

/// Who an address is: of version 6 the first 64 bits, which is what one machine is given; of version 4 written as 6 the address itself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_so_many_places_and_gets_them_back() {
        let peers = Peers::new(2);
        let take = |address: &str| peers.take(address.parse().unwrap());
        let (one, two) = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(one.is_some() && two.is_some() && take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
        drop(one);
        assert!(take("192.0.2.1").is_some(), "the place is free again");
        let _kept = (take("2001:db8::1"), take("2001:db8::ffff:2"));
        assert!(take("2001:db8:0:0:5::").is_none(), "one network of 64 bits is one peer");
        assert!(take("2001:db8:0:1::1").is_some());
        drop((two, _kept));
        assert!(peers.open.lock().is_empty(), "nothing is kept of who is gone");
    }
}
