// CATALOGUE of metrics: what each name means. Families end in a dot and stand for all names below them.
#pragma once
#include <string_view>

namespace actord::telemetry {

struct metric_name {
  std::string_view name; // without the prefix
  std::string_view help; // unit first
};

inline constexpr metric_name metric_names[] = {
    {"http.", "ms: requests of the HTTP API by verb and path, variable parts as _"},
    {"dns.domain_query", "ms: DNS questions under the domain, by node"},
    {"dns.ptr_query", "ms: reverse DNS questions, by node"},
    {"kvs.apply", "ms: one key/value command, from its proposal at this agent until it is applied"},
    {"txn.apply", "ms: one transaction, likewise"},
    {"catalog.register", "ms: one registration over the catalog's API, likewise"},
    {"catalog.deregister", "ms: one deregistration over the catalog's API, likewise"},
    {"session.apply", "ms: one session made or ended, likewise"},
    {"session.renew", "ms: one session renewed, likewise"},
    {"prepared-query.apply", "ms: one prepared query made, changed or deleted, likewise"},
    {"fsm.", "ms: commands applied to the state, by kind; an equal share for all of a batch"},
    {"raft.fsm.apply", "ms: the same of all kinds"},
    {"raft.apply", "count: entries proposed at this leader"},
    {"raft.commitTime", "ms: from the proposal to the commit of an entry"},
    {"raft.commitNumLogs", "count: entries that were committed together last"},
    {"raft.applied_index", "index: applied to the state"},
    {"raft.last_index", "index: last in the log"},
    {"raft.leader.dispatchLog", "ms: until entries are durable on this leader's disk"},
    {"raft.leader.dispatchNumLogs", "count: entries that were given to its disk together last"},
    {"raft.leader.lastContact", "ms: since each voter was heard of, once a second"},
    {"raft.rpc.appendEntries.storeLogs", "ms: until entries from the leader are durable on this follower's disk"},
    {"raft.verify_leader", "count: rounds by which this leader proves itself for reads"},
    {"raft.state.", "count: how often this server began to lead, to follow, to campaign"},
    {"raft.snapshot.takeSnapshot", "ms: one durable snapshot of the state"},
    {"raft.compactLogs", "ms: one piece cut off the log"},
    {"rpc.consistentRead", "ms: until a read that asks for it was allowed by the leader"},
    {"rpc.request", "count: requests to this server"},
    {"rpc.accept_conn", "count: connections to this server's port"},
    {"client.rpc", "count: requests of this client agent to a server"},
    {"client.rpc.exceeded", "count: of them, refused by the limit of this agent's own"},
    {"client.rpc.failed", "count: of them, refused by a server or failed on the way"},
    {"memberlist.udp.", "bytes: gossip packets sent and received"},
    {"memberlist.probeNode", "ms: until a probed member answered"},
    {"memberlist.pushPullNode", "ms: one exchange of states that this node began"},
    {"memberlist.tcp.", "count: gossip's streams, accepted and begun; bytes: sent by them"},
    {"memberlist.health.score", "0: this node trusts itself; more: it is slow"},
    {"serf.queue.", "count: messages that wait to be told, each time that the pool is looked at"},
    {"serf.msgs.received", "bytes: one message of serf's"},
    {"serf.events", "count: user events"},
    {"serf.member.", "count: members that joined, left, failed, changed or were forgotten"},
    {"serf.coordinate.adjustment-ms", "ms: how far one probe moved this node's coordinate"},
    {"autopilot.healthy", "1: all servers are healthy"},
    {"autopilot.failure_tolerance", "count: servers that may fail"},
    {"session_ttl.active", "count: sessions with a TTL"},
    {"session_ttl.invalidate", "ms: until a session whose time was over had ended"},
    {"runtime.alloc_bytes", "bytes: resident memory that is not a file's"},
    {"runtime.sys_bytes", "bytes: resident memory"},
    {"runtime.num_goroutines", "count: threads"},
    {"runtime.open_files", "count: open descriptors"},
};

constexpr std::string_view help_of(std::string_view name) {
  for (auto& m : metric_names)
    if (name == m.name || (m.name.ends_with('.') && name.starts_with(m.name))) return m.help;
  return {};
}

} // namespace actord::telemetry
