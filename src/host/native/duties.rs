//! What the loop does after the engine has run: it keeps the log, sends outputs, and carries out requests.

use std::fs;
use std::sync::mpsc::channel;
use std::time::Duration;

use mio::Token;

use super::clock::Stopwatch;
use super::connection::Sent;
use super::facts;
use super::listen::{self, Listener};
use super::options::plain;
use super::parcel;
use super::server::Server;
use super::web::Web;
use crate::base::time::Time;
use crate::engine::request::Save;
use crate::engine::{Answer, Request, RequestId};
use crate::resp::SessionId;
use crate::store::Purpose;

/// How often the loop looks after what time alone changes.
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

impl Server {
    /// Keeps what the engine has logged and does what it asks for, until it asks no more; then sends what it has said.
    pub(super) fn finish(&mut self, now: Time) -> Result<(), String> {
        loop {
            self.files.keep(&mut self.store, now)?;
            let Some((id, request)) = self.store.request() else { break };
            self.carry_out(id, request, now);
        }
        self.send_all(now);
        Ok(())
    }

    fn send_all(&mut self, now: Time) {
        let (connections, crowded) = (&mut self.connections, &mut self.crowded);
        let mut lost = vec![];
        self.store.outbox(|id, out| match connections.get_mut(&id).map(|connection| connection.send(out)) {
            Some(Sent::All) => {}
            Some(Sent::Some) => crowded.push(id),
            Some(Sent::Lost) => lost.push(id),
            None => out.clear(),
        });
        lost.append(&mut self.ended);
        for id in lost {
            self.drop_connection(id, now);
        }
        self.tell_sent();
    }

    fn carry_out(&mut self, id: RequestId, request: Request, now: Time) {
        match request {
            Request::Save => self.files.begin(&mut self.store, Purpose::Dump, now),
            Request::Rewrite => self.files.begin(&mut self.store, Purpose::Base, now),
            Request::GiveUpSave => self.files.give_up(&mut self.store, Purpose::Dump, now),
            Request::Close(session) => self.close(session, now),
            Request::Resume(session) => self.resume(session, now),
            Request::Shutdown { save, now: _, force } => {
                self.log.warning(format_args!("User requested shutdown..."));
                if !self.shut_down(save, force, now) {
                    let text = "ERR Errors trying to SHUTDOWN. Check logs.".to_owned();
                    self.store.answer(id, Answer::Failed(text), now);
                }
            }
            Request::LoadUsers => {
                let answer = answer_of(self.load_users());
                self.store.answer(id, answer, now);
            }
            Request::SaveUsers => {
                let answer = answer_of(self.save_users());
                self.store.answer(id, answer, now);
            }
            Request::Warn(text) => self.log.warning(format_args!("{text}")),
            Request::Note(text) => self.log.notice(format_args!("{text}")),
            Request::Connect { host, port } => self.connect_to(id, host, port, now),
            Request::Replaced => self.files.replaced(&mut self.store, now),
            Request::Configured(changed) => {
                let answer = answer_of(self.configured(&changed, now));
                self.store.answer(id, answer, now);
            }
            Request::RewriteConfig { whole } => {
                let answer = answer_of(self.rewrite_config(whole));
                self.store.answer(id, answer, now);
            }
            Request::Sleep { until } => {
                self.clock.sleep_until(until);
                self.store.answer(id, Answer::Done, self.clock.now());
            }
            Request::Send(parcel) => {
                let answer = match parcel::send(&parcel) {
                    Ok(lines) => Answer::Said(lines),
                    Err(text) => Answer::Failed(text.into()),
                };
                self.store.answer(id, answer, self.clock.now());
            }
            Request::Sync => {
                self.files.sync(&mut self.store);
                self.store.answer(id, Answer::Said(Vec::new()), now);
            }
            Request::Reload(how) => {
                let answer = match self.files.reload(&mut self.store, how, now) {
                    Ok(()) => Answer::Done,
                    Err(text) => Answer::Failed(text.into()),
                };
                self.store.answer(id, answer, now);
            }
            Request::ReloadLog => {
                if let Err(why) = self.files.begin_load_again(&mut self.store, id, now) {
                    self.store.answer(id, Answer::Failed(format!("ERR {why}")), now);
                }
            }
        }
    }

    /// Loads on; when all is there, whoever waits for it is told.
    pub(super) fn go_on_loading(&mut self, now: Time) -> Result<(), String> {
        let Some(opened) = self.files.step_load(&mut self.store, now)? else { return Ok(()) };
        match opened.request {
            Some(request) => self.store.answer(request, Answer::Done, now),
            None => self.tell_ready(),
        }
        self.finish(now)
    }

    fn tell_ready(&self) {
        let config = &self.store.engine().shared().config;
        let ports = [config.port.get(), config.tls_port.get(), config.ws_port.get()];
        if ports.iter().any(|port| *port > 0) {
            self.log.notice(format_args!("Ready to accept connections"));
        }
        if !config.unixsocket.is_empty() {
            let path = &config.unixsocket;
            self.log.notice(format_args!("The server is now ready to accept connections at {path}"));
        }
    }

    /// Ends a connection once its output is sent.
    fn close(&mut self, id: SessionId, now: Time) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.closing = true;
            self.send(id, now);
        }
    }

    fn resume(&mut self, id: SessionId, now: Time) {
        if let Some(connection) = self.connections.get_mut(&id) {
            let taken = self.store.receive(id, connection.input.unread(), now);
            connection.input.took(taken);
        }
    }

    /// Does what is due a few times a second, whether or not anything has happened.
    pub(super) fn look_after(&mut self, now: Time) {
        if !self.looked_after.has_run(BETWEEN_LOOKS) {
            return;
        }
        self.looked_after = Stopwatch::start();
        self.files.look_after(&mut self.store, now);
        self.shrink_inputs(now);
        facts::tell(self.store.engine_mut().shared_mut());
    }

    /// Gives back what buffers for input have not needed lately.
    fn shrink_inputs(&mut self, now: Time) {
        let (connections, store) = (&mut self.connections, &mut self.store);
        self.buffered.retain(|id| {
            let Some(connection) = connections.get_mut(id) else { return false };
            let input = &mut connection.input;
            let before = input.capacity();
            input.shrink(now);
            if input.capacity() != before {
                store.engine_mut().note_input(*id, input.capacity());
            }
            input.capacity() > 0
        });
    }

    /// Tells the engine how much of their output those have been sent who have not been sent all of it.
    fn tell_sent(&mut self) {
        let (connections, store) = (&self.connections, &mut self.store);
        self.crowded.sort_unstable();
        self.crowded.dedup();
        self.crowded.retain(|id| {
            let Some(connection) = connections.get(id) else { return false };
            store.engine_mut().note_sent(*id, connection.sent());
            store.output(*id).is_some_and(|out| !out.is_empty())
        });
    }

    // Starting and stopping -------------------------------------------------------------------------------------

    /// Listens wherever the configuration says.
    pub fn listen(&mut self) -> Result<(), String> {
        let config = &self.store.engine().shared().config;
        let mut listeners = vec![];
        let port = config.port.get() as u16;
        if port > 0 {
            let sockets = listen::bind_tcp(port, config, &self.log)
                .map_err(|_| format!("Failed listening on port {port} (TCP), aborting."))?;
            listeners.extend(sockets.into_iter().map(Listener::tcp));
        }
        if !config.unixsocket.is_empty() {
            let listener = listen::bind_unix(&config.unixsocket, config)
                .map_err(|error| format!("Failed opening Unix socket: bind: {}", plain(&error)))?;
            listeners.push(listener);
        }
        self.web = Web::start(config, self.bell.clone(), self.log.clone())?;
        if listeners.is_empty() && self.web.is_none() {
            return Err("Configured to not listen anywhere, exiting.".into());
        }
        for listener in listeners {
            self.add_listener(listener)?;
        }
        let config = &self.store.engine().shared().config;
        if !config.pidfile.is_empty()
            && let Err(error) = fs::write(&config.pidfile, format!("{}\n", std::process::id()))
        {
            self.log.warning(format_args!("Failed to write PID file: {}", plain(&error)));
        }
        Ok(())
    }

    pub(super) fn add_listener(&mut self, mut listener: Listener) -> Result<(), String> {
        let token = Token(self.listeners.len());
        listener.register(self.poll.registry(), token).map_err(|error| error.to_string())?;
        self.listeners.push(listener);
        Ok(())
    }

    pub(super) fn shut_down_by_signal(&mut self, signal: &str, now: Time) {
        self.log.warning(format_args!("User requested shutdown..."));
        let config = &self.store.engine().shared().config;
        let options = if signal == "SIGINT" { config.shutdown_on_sigint } else { config.shutdown_on_sigterm };
        let save = match (options.save, options.nosave) {
            (true, _) => Save::Yes,
            (_, true) => Save::No,
            (false, false) => Save::Configured,
        };
        if !self.shut_down(save, options.force, now) {
            self.log.warning(format_args!(
                "Errors trying to shut down the server, check the logs for more information"
            ));
        }
    }

    /// Brings everything to the disk and stops the loop; returns whether it does stop.
    fn shut_down(&mut self, save: Save, force: bool, now: Time) -> bool {
        let config = &self.store.engine().shared().config;
        let save = match save {
            Save::Configured => !config.save.is_empty(),
            Save::Yes => true,
            Save::No => false,
        };
        let save = save && !self.files.is_loading();
        if let Err(error) = self.files.close(&mut self.store, save, now) {
            self.log.warning(format_args!("Error trying to save the DB, can't exit: {}", plain(&error)));
            if !force {
                return false;
            }
        }
        let config = &self.store.engine().shared().config;
        if !config.pidfile.is_empty() {
            self.log.notice(format_args!("Removing the pid file."));
            // Whoever looks for the file sees that its process is gone.
            let _ = fs::remove_file(&config.pidfile);
        }
        if !config.unixsocket.is_empty() {
            self.log.notice(format_args!("Removing the unix socket file."));
            let _ = fs::remove_file(&config.unixsocket);
        }
        self.log.warning(format_args!("Redlet is now ready to exit, bye bye..."));
        self.stopped = true;
        true
    }

    /// Closes every connection; those of the web thread are told why.
    pub(super) fn say_farewell(&mut self) {
        let web = self.web.take();
        if let Some(web) = &web {
            web.begin_to_stop();
        }
        self.connections.clear();
        // Clients that had just arrived go with the news of them.
        self.news = channel().1;
        if let Some(web) = web {
            web.stop();
        }
    }

    /// Stops the loop as a test does that has ended.
    pub(super) fn end_without_saving(&mut self) {
        self.stopped = true;
    }
}

fn answer_of(result: Result<(), String>) -> Answer {
    result.map_or_else(|why| Answer::Failed(format!("ERR {why}")), |()| Answer::Done)
}
