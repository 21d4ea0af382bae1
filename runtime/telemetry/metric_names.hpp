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
    {"dns.stale_queries", "count: DNS questions answered from a state older than 5 s"},
    {"kvs.apply", "ms: one key/value command, from its proposal at this agent until it is applied"},
    {"txn.apply", "ms: one transaction, likewise"},
    {"catalog.register", "ms: one registration over the catalog's API, likewise"},
    {"catalog.deregister", "ms: one deregistration over the catalog's API, likewise"},
    {"fsm.", "ms: commands applied to the state, by kind; an equal share for all of a batch"},
    {"raft.apply", "count: entries proposed at this leader"},
    {"raft.commitTime", "ms: from the proposal to the commit of an entry"},
    {"raft.rpc.", "ms: Raft requests handled, by kind"},
    {"raft.leader.dispatchLog", "ms: one write of entries to the leader's log, synced"},
    {"raft.leader.lastContact", "ms: since a follower last answered its leader"},
    {"raft.replication.", "ms: Raft requests to followers, by kind and peer"},
    {"raft.state.leader", "count: elections won"},
    {"raft.state.candidate", "count: elections begun"},
    {"raft.state.follower", "count: times this server became a follower"},
    {"raft.snapshot.", "ms: snapshots taken and written"},
    {"raft.applied_index", "index: applied to the state"},
    {"raft.last_index", "index: last in the log"},
    {"rpc.request", "count: requests to this server"},
    {"rpc.query", "count: reads at this server"},
    {"rpc.queries_blocking", "count: reads that wait for a change now"},
    {"client.api.", "count: requests at this agent by kind"},
    {"autopilot.healthy", "1: all servers are healthy"},
    {"autopilot.failure_tolerance", "count: servers that may fail"},
    {"session_ttl.active", "count: sessions with a TTL"},
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
