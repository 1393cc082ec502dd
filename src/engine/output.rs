//! The output that waits for clients: its limits, and the size of its buffers.

use crate::base::time::Time;
use crate::resp::SessionId;

use super::Engine;
use super::request::Request;
use super::session::Session;
use super::shared::{Client, Clients, FIRST_OUTPUT, LEAST_OUTPUT, Shared};

/// How long a buffer stays as large as it had to be.
const PEAK_MS: u64 = 5000;

/// What DEBUG REPLYBUFFER has said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplyBuffers {
    /// Whether buffers become smaller.
    pub resizing: bool,
    /// After how many milliseconds it is forgotten how large one had to be; none for never.
    pub peak_ms: Option<u64>,
}

impl Default for ReplyBuffers {
    fn default() -> Self {
        Self { resizing: true, peak_ms: Some(PEAK_MS) }
    }
}

impl Engine {
    /// Says how much of a client's output is on its way already.
    pub fn note_sent(&mut self, id: SessionId, sent: usize) {
        if let Some(client) = self.shared.clients.get_mut(id) {
            client.session.output.sent = sent;
        }
    }

    /// Says how large a buffer the host has for a client's input, where it has one of its own.
    pub fn note_input(&mut self, id: SessionId, capacity: usize) {
        if let Some(client) = self.shared.clients.get_mut(id) {
            client.session.input_capacity = capacity;
        }
    }
}

impl Shared {
    /// Returns how much output for a client is of use at the most.
    #[inline]
    pub(super) fn most_output(&self, session: &Session) -> usize {
        match self.config.client_output_buffer_limit.of(session).hard {
            0 => usize::MAX,
            hard => usize::try_from(hard).unwrap_or(usize::MAX).max(FIRST_OUTPUT),
        }
    }

    /// Gives a client up if it leaves more output waiting than it may.
    pub(super) fn limit_output(&mut self, client: &mut Client, now: Time) {
        let waiting = client.out.len().saturating_sub(client.session.output.sent);
        let session = &mut client.session;
        if waiting <= FIRST_OUTPUT {
            session.output.over_since = None;
            return;
        }
        let limit = self.config.client_output_buffer_limit.of(session);
        if session.closing || !limit.is_exceeded(waiting as u64, &mut session.output.over_since, now) {
            return;
        }
        self.requests.push(Request::Warn(format!(
            "Client id={} addr={} closed for overcoming of output buffer limits.",
            session.id.0, session.peer.address
        )));
        self.measure.output_buffer_disconnections += 1;
        client.give_up();
    }

    /// Gives those up among the clients with much output who leave too much of it waiting.
    pub(super) fn limit_outputs(&mut self, now: Time) {
        for id in self.clients.take_crowded() {
            let Some(mut client) = self.clients.check_out(id) else { continue };
            let closing = client.session.closing;
            self.limit_output(&mut client, now);
            if client.session.closing && !closing {
                self.requests.push(Request::Close(id));
            }
            self.clients.check_in(client);
        }
    }
}

impl Client {
    /// Ends the connection without what was still to be said.
    pub fn give_up(&mut self) {
        self.session.closing = true;
        self.out = Vec::new();
        self.session.output.sent = 0;
    }

    /// Returns whether all is sent that a large buffer was for.
    pub(super) fn has_room_to_spare(&self) -> bool {
        self.out.is_empty() && self.out.capacity() > FIRST_OUTPUT
    }

    /// Takes note of how full the buffer was; says whether it may be larger than it has to be.
    pub(super) fn note_peak(&mut self, len: usize) -> bool {
        let output = &mut self.session.output;
        output.peak = output.peak.max(len);
        output.capacity = self.out.capacity();
        output.capacity >= 2 * LEAST_OUTPUT
    }
}

impl Clients {
    /// Gives back the room of large buffers that have been emptied.
    pub(super) fn give_back_outputs(&mut self) {
        if !std::mem::take(&mut self.roomy) {
            return;
        }
        for client in self.iter_mut() {
            if client.has_room_to_spare() {
                client.out.shrink_to(LEAST_OUTPUT);
                client.session.output.capacity = client.out.capacity();
            }
        }
    }

    /// Makes buffers smaller that have been less than half full for a while.
    pub(super) fn shrink_outputs(&mut self, policy: ReplyBuffers, now: Time) {
        if !self.spacious || !policy.resizing {
            return;
        }
        let mut spacious = false;
        for client in self.iter_mut() {
            let (len, peak, capacity) = (client.out.len(), client.session.output.peak, client.out.capacity());
            if capacity >= 2 * LEAST_OUTPUT && peak.max(len) < capacity / 2 {
                client.out.shrink_to(LEAST_OUTPUT.max(peak + 1));
            }
            spacious |= client.note_peak(len);
            let output = &mut client.session.output;
            if policy.peak_ms.is_some_and(|ms| now > output.peak_since.plus_millis(ms)) {
                (output.peak, output.peak_since) = (len, now);
            }
        }
        self.spacious = spacious;
    }
}
