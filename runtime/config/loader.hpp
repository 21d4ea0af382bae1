// Configuration from its sources to one node_config: defaults, -dev defaults, files and directories in command-line
// order, -hcl fragments, flags; later wins, lists are appended, maps are merged. Error and warning texts are those of
// Consul 1.8.7. Blocks on file reads; called at start, on reload and by `validate`.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/goflags.hpp"
#include "runtime/config/node_config.hpp"

namespace actord {

// What the host says about itself; handed in, so that tests can make one up.
struct host_facts {
  struct interface_address {
    std::string name;
    std::string ip; // literal without zone
    bool up = true;
    bool loopback = false;
    int prefix_length = -1; // of its network; -1: the address alone
    unsigned index = 0, mtu = 0;
    std::string hardware = {}; // "02:00:00:00:00:01"
    bool broadcast = false, point_to_point = false, multicast = false;
  };
  std::string hostname;
  std::vector<interface_address> interfaces; // by the interfaces' index, IPv4 first
  int64_t max_open_files = 0;                // 0 = unknown
  std::string default_interface = {};        // that of IPv4's default route through a gateway; "" = none
};
host_facts read_host_facts();

struct load_request {
  string_list paths;              // -config-file and -config-dir, in order
  std::string format;             // -config-format: "", "hcl" or "json"
  string_list hcl;                // -hcl fragments
  config_value flags = config_value::of_object(); // what the flags set, as a configuration tree
  bool dev = false;
  bool starting = true;           // false: only validate, as `consul validate` does
};

struct loaded_config {
  node_config config;
  string_list warnings; // whole lines; `validate` prints them, the agent logs them
};

// The request that `consul agent` flags make; fails with `Unexpected extra arguments: […]` when words are left over.
result<load_request> request_from_flags(const parsed_flags& flags);

// Errors are errc::bad_request and ready to be printed after "==> " (or "Config validation failed: ").
result<loaded_config> load(const load_request& request);
result<loaded_config> load(const load_request& request, const host_facts& host);

// `consul validate PATH…`: the warnings, or the error.
result<string_list> validate(const string_list& paths, const std::string& format);

// Keys that differ between two configurations, split by whether a reload may apply them.
struct config_changes {
  string_list reloadable; // key paths; services and checks count as "services" and "checks"
  string_list fixed;      // need a restart
};
config_changes reloadable_changes(const node_config& before, const node_config& after);
// `before` with the reloadable settings of `after`: what the agent runs with after a reload.
node_config apply_reload(const node_config& before, const node_config& after);

// The node's id for life, from data_dir/node-id; drawn at random and written (mode 0600) when the file is absent.
// A file that holds no UUID is an error.
result<std::string> load_or_create_node_id(const std::string& data_dir);
// node_id as configured, else as above, else (no data_dir) a fresh random one.
result<std::string> resolve_node_id(const node_config& config);
// True for 8-4-4-4-12 hexadecimal digits.
bool is_uuid(std::string_view text);
result<std::string> fresh_uuid();

// Raft's clock: a tenth of the time after which a follower gives up on its leader. Consul waits heartbeat_timeout (5 s by
// default) before a follower stands for election; pre-vote makes a shorter wait safe, so ours is a fifth of that.
std::chrono::milliseconds raft_tick(const node_config& config);
constexpr uint32_t raft_patience_ticks = 10;
// How long a leader relies on a round of heartbeats: a tick less, and a tenth for clocks that run unequally.
constexpr nanos raft_lease(nanos tick) { return tick * (raft_patience_ticks - 1) * 9 / 10; }

// The DebugConfig object of /v1/agent/self, keys sorted, secrets "hidden".
std::string debug_config_json(const node_config& config);

} // namespace actord
