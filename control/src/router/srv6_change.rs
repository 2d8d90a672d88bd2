//! Changes of SIDs and policies by command: all or nothing.

use dataplane::buffer::PacketBuf;
use dataplane::id::PortId;

use super::Router;
use super::change::{ChangeError, refuse};
use crate::config::srv6::{self, Fault, Policy, Sid, SidText, unknown_policy};
use crate::config::{Prefix, RouteAction, quoted};
use crate::family;
use crate::rib::Action;

/// Users of a policy that a message names.
const MAX_NAMED_USERS: usize = 3;

fn first(faults: impl IntoIterator<Item = Fault>) -> Result<(), ChangeError> {
    faults.into_iter().next().map_or(Ok(()), |fault| refuse(fault.message))
}

impl<B: PacketBuf> Router<B> {
    /// Puts a SID in; `is_new`: only where there is none.
    pub(super) fn put_sid(&mut self, sid: &Sid, is_new: bool, now_ns: u64) -> Result<(), ChangeError> {
        self.check_room()?;
        first(sid.reference_faults(&self.config.ports, &self.config.srv6.policies))?;
        self.refuse_binding_sid(&sid.sid)?;
        let mut srv6 = self.config.srv6.clone();
        match srv6.sids.iter_mut().find(|other| other.sid.prefix() == sid.sid.prefix()) {
            Some(_) if is_new => {
                return refuse(format!("{}: the SID exists already; use replace to change it", sid.sid));
            }
            Some(before) => *before = sid.clone(),
            None => srv6.sids.push(sid.clone()),
        }
        self.change_srv6(srv6, now_ns)
    }

    /// Takes a SID out.
    pub(super) fn delete_sid(&mut self, sid: &SidText, now_ns: u64) -> Result<(), ChangeError> {
        self.check_room()?;
        self.refuse_binding_sid(sid)?;
        let mut srv6 = self.config.srv6.clone();
        let before = srv6.sids.len();
        srv6.sids.retain(|other| other.sid.prefix() != sid.prefix());
        if srv6.sids.len() == before {
            return refuse(format!("there is no SID {sid}"));
        }
        self.change_srv6(srv6, now_ns)
    }

    fn refuse_binding_sid(&self, sid: &SidText) -> Result<(), ChangeError> {
        let binds = |policy: &&Policy| policy.binding_sid.as_ref().map(SidText::prefix) == Some(sid.prefix());
        match self.config.srv6.policies.iter().find(binds) {
            Some(policy) => {
                let name = quoted(&policy.name);
                refuse(format!("{sid} is the binding SID of policy {name}; change the policy"))
            }
            None => Ok(()),
        }
    }

    /// Puts a policy in; `is_new`: only where there is none.
    pub(super) fn put_policy(
        &mut self,
        policy: &Policy,
        is_new: bool,
        now_ns: u64,
    ) -> Result<(), ChangeError> {
        self.check_room()?;
        first(policy.key_fault(&self.config.srv6.hmac_keys))?;
        let mut srv6 = self.config.srv6.clone();
        let index = srv6.policies.iter().position(|other| other.name == policy.name);
        if is_new && index.is_some() {
            let name = quoted(&policy.name);
            return refuse(format!("the policy {name} exists already; use replace to change it"));
        }
        let before = index.map(|index| srv6.policies.swap_remove(index));
        if let Some(sid) = &policy.binding_sid
            && srv6.has_sid(sid.prefix())
        {
            return refuse(format!("{sid} is a SID already; a SID has one behavior"));
        }
        if before.is_some_and(|before| before.mode != policy.mode) {
            self.refuse_users(&policy.name, |user| match user {
                User::Route(prefix) => policy.steering_problem(prefix).is_some(),
                User::Port => !policy.mode.is_l2(),
                User::Sid(sid) => sid.behavior.needs() != srv6::Needs::Policy(policy.mode),
            })?;
        }
        let mut policy = policy.clone();
        policy.sort();
        match index {
            // Where it was: the order is that of the file.
            Some(index) => {
                srv6.policies.push(policy);
                let last = srv6.policies.len() - 1;
                srv6.policies.swap(index, last);
            }
            None => srv6.policies.push(policy),
        }
        self.change_srv6(srv6, now_ns)
    }

    /// Takes a policy out, with its binding SID.
    pub(super) fn delete_policy(&mut self, name: &str, now_ns: u64) -> Result<(), ChangeError> {
        self.check_room()?;
        if self.config.srv6.policy(name).is_none() {
            return refuse(unknown_policy(&self.config.srv6.policies, name));
        }
        self.refuse_users(name, |_| true)?;
        let mut srv6 = self.config.srv6.clone();
        srv6.policies.retain(|policy| policy.name != name);
        self.change_srv6(srv6, now_ns)
    }

    /// Refuses when something uses a policy in a way that is no longer possible; says what.
    fn refuse_users(&self, name: &str, is_hurt: impl Fn(User<'_>) -> bool) -> Result<(), ChangeError> {
        let mut users = Vec::new();
        for (vrf, prefix, action) in self.rib.routes() {
            let leads_there = matches!(action, Action::Policy(policy) if **policy == *name);
            if leads_there && is_hurt(User::Route(family::config_prefix(prefix))) {
                let vrf = self.rib.vrfs().get(vrf.index()).map_or("?", String::as_str);
                users.push(format!("the route {} of VRF {}", family::text(prefix), quoted(vrf)));
            }
        }
        for sid in &self.config.srv6.sids {
            if sid.policy.as_deref() == Some(name) && is_hurt(User::Sid(sid)) {
                users.push(format!("the SID {}", sid.sid));
            }
        }
        for port in &self.config.ports {
            if port.policy.as_deref() == Some(name) && is_hurt(User::Port) {
                users.push(format!("the port {}", quoted(&port.name)));
            }
        }
        if users.is_empty() {
            return Ok(());
        }
        let more = users.len().saturating_sub(MAX_NAMED_USERS);
        users.truncate(MAX_NAMED_USERS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        refuse(format!("the policy {} is in use by {}{more}", quoted(name), users.join(", ")))
    }

    /// Puts other SIDs and policies in the place of those that are.
    fn change_srv6(&mut self, srv6: srv6::Srv6, now_ns: u64) -> Result<(), ChangeError> {
        let vrfs = self.rib.vrfs().len();
        let watched: Vec<(PortId, u128)> = self.wanted_next_hops();
        let before = std::mem::replace(&mut self.config.srv6, srv6);
        if let Err(error) = self.load_srv6(true) {
            self.config.srv6 = before;
            self.rib.truncate_vrfs(vrfs);
            return Err(error);
        }
        self.watch_next_hops(&watched, now_ns);
        Ok(())
    }

    /// Why a route cannot do what it says, as far as policies are concerned.
    pub(super) fn check_steering(&self, prefix: Prefix, action: &RouteAction) -> Result<(), ChangeError> {
        let RouteAction::Policy(name) = action else { return Ok(()) };
        let srv6 = &self.config.srv6;
        let Some(policy) = srv6.policy(name) else {
            return refuse(unknown_policy(&srv6.policies, name));
        };
        policy.steering_problem(prefix).map_or(Ok(()), refuse)
    }
}

/// What uses a policy.
#[derive(Clone, Copy)]
enum User<'u> {
    /// A route to this prefix.
    Route(Prefix),
    /// This SID.
    Sid(&'u Sid),
    /// All frames of a port.
    Port,
}
