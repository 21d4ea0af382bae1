#include "runtime/node/boot.hpp"
#include "actors/coordinate/coordinate_actor.hpp"
#include "actors/health/health_actor.hpp"
#include "actors/peers/peers_actor.hpp"
#include "actors/raft/raft_actor.hpp"
#include "actors/raft/snapshot_actor.hpp"
#include "actors/state/state_actor.hpp"
#include "actors/state/watch_actor.hpp"
#include "runtime/base/log.hpp"
#include "runtime/config/loader.hpp"
#include "runtime/node/node.hpp"
#include "runtime/node/recover_peers.hpp"
#include "runtime/node/signals.hpp"
#include "runtime/node/start_pages.hpp"
#include "runtime/node/supervisor_actor.hpp"
#include "runtime/telemetry/log_sinks.hpp"
#include "runtime/telemetry/metrics.hpp"
#include <caf/actor_registry.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <climits>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <random>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace actord {

uint64_t fresh_seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

namespace {

constexpr auto start_takes = std::chrono::seconds(10); // until what only starting needed is given back
constexpr auto graceful_timeout = std::chrono::seconds(15); // Consul's gracefulTimeout

// A server holds thousands of connections: take all the descriptors that we may have.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string joined(const std::vector<std::string>& words, const char* separator) {
  std::string out;
  for (auto& w : words) out += (out.empty() ? "" : separator) + w;
  return out;
}

void print_banner(const node& n) {
  const auto& c = n.config;
  auto flag = [](bool b) { return b ? "true" : "false"; };
  fmt::print("==> Starting Consul agent...\n"
             "           Version: '1.8.7' (consul-actord " ACTORD_VERSION ")\n"
             "           Node ID: '{}'\n"
             "         Node name: '{}'\n"
             "        Datacenter: '{}' (Segment: '<all>')\n"
             "            Server: {} (Bootstrap: {})\n"
             "       Client Addr: [{}] (HTTP: {}, HTTPS: {}, gRPC: {}, DNS: {})\n"
             "      Cluster Addr: {} (LAN: {}, WAN: {})\n"
             "           Encrypt: Gossip: {}, TLS-Outgoing: {}, TLS-Incoming: {}, Auto-Encrypt-TLS: false\n\n"
             "==> Log data will now stream in as it occurs:\n\n",
             c.node_id, c.node_name, c.datacenter, flag(c.server), flag(c.bootstrap), joined(c.client_addrs, " "), c.port_http,
             c.port_https, c.port_grpc, c.port_dns, c.advertise_addr, c.port_serf_lan, c.port_serf_wan, flag(gossip_is_encrypted(n)), flag(c.verify_outgoing),
             flag(c.verify_incoming));
  std::fflush(stdout);
}

status open_storage(node& n) {
  auto folder = data_folder::open(n.config.data_dir);
  if (!folder) return folder.err();
  n.folder = std::move(*folder);
  auto path = n.folder->path();
  auto id = resolve_node_id(n.config);
  if (!id) return id.err();
  n.config.node_id = *id;
  if (!n.config.server) return {};
  auto log = log_store::open(path + "/raft");
  if (!log) return error{errc::internal, "Failed to open the Raft log: " + log.err().text};
  n.log = std::move(*log);
  if (auto s = recover_peers(path + "/raft", *n.log); !s) return s;
  store_options so;
  so.path = path + "/state";
  so.datacenter = n.config.datacenter;
  so.least_applied = n.log->compacted().first;
  so.most_applied = n.log->last_index();
  auto state = state_store::open(so);
  if (!state) return error{errc::internal, "Failed to open the state: " + state.err().text};
  n.state = std::move(*state);
  n.status->applied.store(n.state->applied_index().v);
  n.status->unpublished.store(n.state->applied_index().v);
  return {};
}

void make_system(node& n) {
  n.system_config = std::make_unique<caf::actor_system_config>();
  n.system_config->load<caf::io::middleman>();
  // "sharing" costs no idle CPU; the default, stealing, polls (reference/caf-0.17.md).
  n.system_config->set("scheduler.policy", caf::atom("sharing"));
  const size_t threads = n.config.server ? std::min<size_t>(4, std::thread::hardware_concurrency()) : 2;
  n.system_config->set("scheduler.max-threads", std::max<size_t>(2, threads));
  n.system = std::make_unique<caf::actor_system>(*n.system_config);
}

// Raft's clock: a tenth of the time after which a follower gives up on its leader. Consul waits heartbeat_timeout (5 s by
// default) before a follower stands for election; pre-vote makes a shorter wait safe, so ours is a fifth of that.
std::chrono::milliseconds raft_tick(const node_config& c) {
  const auto fifth = std::chrono::duration_cast<std::chrono::milliseconds>(c.raft_heartbeat_timeout / 50);
  return std::clamp(fifth, std::chrono::milliseconds(10), std::chrono::milliseconds(1000));
}

raft_setup setup_of(const node_config& c) {
  raft_setup setup;
  setup.options.self = c.node_id;
  if (c.bootstrap || c.dev_mode) {
    setup.options.members.voters = {c.node_id};
    setup.options.members.addresses[c.node_id] = c.rpc_advertise.host_port();
  }
  setup.hello.id = c.node_id;
  setup.hello.name = c.node_name;
  setup.hello.address = c.rpc_advertise.host_port();
  setup.hello.datacenter = c.datacenter;
  setup.hello.bootstrap_expect = c.bootstrap_expect;
  setup.hello.non_voter = c.non_voting_server;
  setup.hold = c.rpc_hold_timeout;
  setup.tick = raft_tick(c);
  setup.seed = fresh_seed();
  return setup;
}

status spawn_core(node& n) {
  auto setup = setup_of(n.config);
  peers_setup ps;
  ps.bind = {n.config.rpc_bind.host, static_cast<uint16_t>(n.config.rpc_bind.port)};
  ps.listens = false; // the RPC server accepts for both
  ps.self = setup.hello;
  ps.data_dir = n.folder->path();
  ps.seed = fresh_seed();
  n.desk = std::make_shared<leader_desk>(*n.state);
  setup.answers = [desk = n.desk](std::string_view command, std::chrono::steady_clock::time_point now, apply_result& out) { return desk->answer(command, now, out); };
  auto raft = spawn_raft_actor(*n.system, *n.log, *n.state, std::move(setup), n.status);
  if (!raft) return error{errc::internal, "Failed to start Raft: " + raft.err().text};
  n.raft = std::move(*raft);
  n.router = n.raft;
  if (n.config.port_server > 0) {
    auto peers = spawn_peers_actor(*n.system, std::move(ps), n.raft);
    if (!peers) return error{errc::internal, "Failed to start RPC layer: " + peers.err().text};
    n.peers = std::move(*peers);
  }
  n.watch = spawn_watch_actor(*n.system, n.status);
  n.writer = spawn_state_actor(*n.system, *n.state, n.raft, n.watch, n.status);
  snapshot_policy policy;
  policy.interval = n.config.raft_snapshot_interval;
  policy.threshold = static_cast<uint64_t>(n.config.raft_snapshot_threshold);
  policy.trailing = static_cast<uint64_t>(n.config.raft_trailing_logs);
  n.snapshots = spawn_snapshot_actor(*n.system, *n.state, *n.log, n.raft, policy);
  n.autopilot = spawn_autopilot(*n.system, n.config, n.raft, *n.state, n.status, n.health_board);
  caf::anon_send(n.raft, raft_attach{n.writer, n.peers});
  return {};
}

// ---- stopping --------------------------------------------------------------------------------------------------

// Listeners first, so that nobody is told something by half a node; then the actors; then the stores, which mark a
// clean stop.
void take_down(node& n) {
  n.watches.stop();
  if (n.http) n.http->stop();
  if (n.dns) n.dns->stop();
  if (n.rpc_server) n.rpc_server->stop();
  n.http.reset();
  n.dns.reset();
  if (n.config.server) n.cluster.rpc = nullptr; // the server's own, which goes with it
  n.rpc_server.reset();
  if (n.supervisor) caf::anon_send_exit(n.supervisor, caf::exit_reason::user_shutdown);
  n.supervisor = nullptr;
  auto end = [](auto& handle) {
    if (handle) caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
    handle = nullptr;
  };
  for (auto& [name, actor] : n.beside_raft) end(actor);
  if (n.system) n.system->registry().erase(coordinate_registry_name);
  if (n.desk) n.desk->take({});
  end(n.agent);
  end(n.events);
  for (auto& one : n.pool_actors) end(one);
  end(n.cluster.wan);
  end(n.cluster.lan);
  end(n.autopilot);
  if (!n.config.server) {
    end(n.router);
    end(n.cluster.rpc);
  }
  n.router = nullptr;
  end(n.snapshots);
  end(n.writer);
  end(n.watch);
  end(n.raft);
  end(n.peers);
  if (n.system) {
    // A job of consul exec notices within a fifth of a second that it is to stop; its script then has to die.
    for (int i = 0; i < 300 && n.system->registry().running() > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (n.system->registry().running() > 0) {
      log::warn("agent", "{} actors did not end in time", n.system->registry().running());
      (void)n.system.release(); // the process ends in a moment; waiting for them could take for ever,
      (void)n.state.release();  // and they may still use the stores
      (void)n.log.release();
      return;
    }
    n.system.reset();
  }
  n.desk.reset();
  n.state.reset();
  n.log.reset();
  n.folder.reset();
}

class event_loop {
public:
  event_loop(node& n, event_source& events) : node_(n), events_(events) {}

  int run() {
    bool started = false;
    for (;;) {
      // A client agent shares its machine with what it serves: what a busy minute needed goes back as well.
      const bool client = !node_.config.server;
      auto e = !started ? events_.next(start_takes) : client ? events_.next(std::chrono::minutes(1)) : events_.next();
      if (!e) {
        if (!std::exchange(started, true) || client) release_start_pages();
        continue;
      }
      switch (*e) {
      case node_event::hangup: reload("hangup"); break;
      case node_event::dump: dump_metrics(); break;
      case node_event::ignored: break;
      case node_event::interrupt: return signalled("interrupt", !node_.config.skip_leave_on_interrupt);
      case node_event::terminate: return signalled("terminated", node_.config.leave_on_terminate);
      case node_event::leave: leave_cluster(); return 0;
      case node_event::gave_up: return 1;
      case node_event::died:
        log::err("agent", "an actor that the node cannot do without has died: {}", events_.why());
        return 1;
      }
    }
  }

private:
  void reload(const char* signal) {
    log::info("agent", "Caught: signal={}", signal);
    log::info("agent", "Reloading configuration...");
    caf::scoped_actor self{*node_.system};
    self->request(node_.agent, std::chrono::seconds(10), agent_reload{})
        .receive([](const agent_done& d) { if (d.failure.code != errc::none) log::err("agent", "Failed to reload configs: error=\"{}\"", d.failure.text); },
                 [&](caf::error& e) { log::err("agent", "Failed to reload configs: error=\"{}\"", node_.system->render(e)); });
  }

  // To where nothing else goes, so that it can be kept apart from the log.
  static void dump_metrics() {
    const auto text = telemetry::metrics_dump();
    [[maybe_unused]] auto written = ::write(STDERR_FILENO, text.data(), text.size());
  }

  int signalled(const char* signal, bool graceful) {
    log::info("agent", "Caught: signal={}", signal);
    if (!graceful) {
      log::info("agent", "Graceful shutdown disabled. Exiting");
      return 1;
    }
    log::info("agent", "Gracefully shutting down agent...");
    caf::anon_send(caf::actor_cast<caf::actor>(node_.agent), agent_leave{});
    auto deadline = std::chrono::steady_clock::now() + graceful_timeout;
    while (std::chrono::steady_clock::now() < deadline) {
      auto e = events_.next(std::chrono::milliseconds(200));
      if (!e || *e == node_event::hangup || *e == node_event::dump || *e == node_event::ignored) continue;
      if (*e == node_event::leave) leave_cluster();
      return *e == node_event::leave ? 0 : 1;
    }
    return 1;
  }

  // Out of the pools first, so that no leader takes us in again. Then out of Raft's configuration, so that the others' majority
  // does not count on us any more; not the last one: its data would have no cluster to come back to.
  void leave_cluster() {
    leave_pools(node_);
    if (!node_.raft) return;
    caf::scoped_actor self{*node_.system};
    size_t voters = 0;
    self->request(node_.raft, std::chrono::seconds(1), leader_query{}).receive([&](leader_info& i) { voters = i.peers.size(); }, [](caf::error&) {});
    if (voters < 2) return;
    membership_change c;
    c.what = membership_change::kind::remove;
    c.id = node_.config.node_id;
    self->request(node_.raft, std::chrono::seconds(5), c)
        .receive([](apply_outcome& o) { if (o.result.failure.code != errc::none) log::warn("agent.server", "failed to leave the cluster: error=\"{}\"", o.result.failure.text); },
                 [](caf::error&) { log::warn("agent.server", "leaving the cluster took too long"); });
  }

  node& node_;
  event_source& events_;
};

int fail(const error& e) {
  log::err("agent", "Error starting agent: error=\"{}\"", e.text);
  log::info("agent", "Exit code: code=1");
  return 1;
}

status open_logs(node& n) {
  const auto& c = n.config;
  auto level = log::level::info;
  log::parse_level(c.log_level, level);
  n.log_sinks.push_back(log::add_sink(level, [json = c.log_json](const log::record& r) {
    auto line = json ? log::format_json(r) : "    " + log::format_line(r);
    [[maybe_unused]] auto written = ::write(STDOUT_FILENO, line.data(), line.size());
  }));
  if (!c.log_file.empty()) {
    telemetry::log_file_options o{c.log_file, c.log_rotate_bytes, c.log_rotate_duration, c.log_rotate_max_files};
    auto sink = telemetry::add_file_sink(level, c.log_json, o);
    if (!sink) return sink.err();
    n.log_sinks.push_back(*sink);
  }
  if (c.enable_syslog) {
    auto sink = telemetry::add_syslog_sink(level, c.syslog_facility);
    if (!sink) return sink.err();
    n.log_sinks.push_back(*sink);
  }
  telemetry::metrics_options m;
  m.prefix = c.telemetry_metrics_prefix;
  // As in Consul, only where metrics leave the agent.
  const bool leaves = !c.telemetry_statsd_address.empty() || c.telemetry_prometheus_retention_time.count() > 0;
  char host[HOST_NAME_MAX + 1] = {};
  if (leaves && !c.telemetry_disable_hostname && ::gethostname(host, HOST_NAME_MAX) == 0) m.host = host;
  m.prefix_filter = c.telemetry_prefix_filter;
  m.filter_default = c.telemetry_filter_default;
  m.statsd_address = c.telemetry_statsd_address;
  return telemetry::start_metrics(m);
}

// What would silently weaken a cluster is refused rather than ignored.
status check_supported(const node_config& c) {
  if (c.acl_enabled) return error{errc::bad_request, "acl.enabled: ACLs are not enforced by this version; an agent that was asked for them must not start open"};
  return {};
}

void write_pid_file(const std::string& path) {
  if (path.empty()) return;
  std::ofstream(path) << ::getpid() << "\n";
}

using reload_fn = std::function<result<loaded_config>()>;

status spawn_local_agent(node& n, event_source& events, const reload_fn& reload) {
  agent_deps deps;
  deps.router = n.router;
  deps.store = n.state.get();
  deps.status = n.status;
  deps.board = n.board;
  deps.cluster = n.cluster;
  deps.reload = [&n, reload]() -> result<node_config> {
    auto again = reload();
    if (!again) return again.err();
    auto config = apply_reload(n.config, again->config);
    auto dns = dns::dns_server::prepare_reload(config);
    if (!dns) return error{dns.err().code, "Failed reloading dns config : " + dns.err().text};
    if (n.dns) (*dns)(*n.dns);
    if (auto level = log::level::info; log::parse_level(config.log_level, level))
      for (const int sink : n.log_sinks) log::set_sink_level(sink, level);
    telemetry::reload_metrics(config.telemetry_prefix_filter, config.telemetry_filter_default);
    if (auto s = start_watches(n, config); !s) return error{s.err().code, "Failed reloading watches: " + s.err().text};
    return config;
  };
  deps.start_checks = [&c = n.config](caf::actor_system& system, caf::strong_actor_ptr sink, uint64_t seed) -> result<std::unique_ptr<check_runner>> {
    health::health_options h;
    h.tls = {c.enable_agent_tls_for_checks, c.ca_file, c.ca_path, c.cert_file, c.key_file};
    h.output_cap = static_cast<size_t>(std::max(c.check_output_max_size, 1));
    h.seed = seed;
    auto started = health::health_service::start(system, std::move(h), std::move(sink));
    if (!started) return started.err();
    return std::unique_ptr<check_runner>(std::move(*started));
  };
  deps.stop_node = [&events] { events.post(node_event::leave); };
  auto agent = spawn_agent(*n.system, n.config, std::move(deps));
  if (!agent) return agent.err();
  n.agent = std::move(*agent);
  return {};
}

status start_fronts(node& n) {
  auto dns = dns::dns_server::start(n.config, {*n.system, n.state.get(), n.status, n.cluster.rpc});
  if (!dns) return dns.err();
  n.dns = std::move(*dns);
  auto http = http::http_server::start(n.config, {*n.system, n.router, n.watch, n.agent, n.board, n.state.get(), n.status, n.health_board, n.cluster});
  if (!http) return http.err();
  n.http = std::move(*http);
  for (auto& a : n.config.http_addrs) log::info("agent", "Started HTTP server: address={} network={}", a.host_port(), a.is_unix() ? "unix" : "tcp");
  return {};
}

// A single server leads within milliseconds: listening only then spares clients an error that Consul would hide by
// holding their request. Not for ever: with a full disk there is no leader, and reads with ?stale should still work.
void await_leadership(const node& n) {
  if (!n.config.bootstrap) return; // with others an election may take long; requests are held meanwhile
  auto deadline = std::chrono::steady_clock::now() + n.config.rpc_hold_timeout;
  while (!n.status->leader.load() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// What Consul looks at only when it starts its parts.
status check_startable(const node_config& c) {
  const std::string who = std::string("Failed to start Consul ") + (c.server ? "server" : "client") + ": ";
  if (c.protocol < 2 || c.protocol > 3)
    return error{errc::bad_request, fmt::format("{}Protocol version '{}' too {}. Must be in range: [2, 3]", who, c.protocol, c.protocol < 2 ? "low" : "high")};
  if (c.server && (c.raft_protocol < 1 || c.raft_protocol > 3))
    return error{errc::bad_request, fmt::format("{}Failed to start Raft: Protocol version {} must be >= 1 and <= 3", who, c.raft_protocol)};
  if (!c.server && c.data_dir.empty()) return error{errc::bad_request, who + "Config must provide a DataDir"};
  return {};
}

status start(node& n, event_source& events, const reload_fn& reload) {
  if (auto s = check_startable(n.config); !s) return s;
  if (!n.config.server) few_arenas();
  make_system(n);
  n.give_up = [&events] { events.post(node_event::gave_up); };
  if (n.config.server)
    if (auto s = spawn_core(n); !s) return s;
  n.cluster.lan_members = n.lan_board;
  n.cluster.wan_members = n.wan_board;
  const bool serves = n.config.server;
  for (auto step : {spawn_pools, serves ? spawn_leader : spawn_client, serves ? spawn_rpc : spawn_leader, spawn_events})
    if (auto s = step(n); !s) return s;
  if (auto s = spawn_local_agent(n, events, reload); !s) return s;
  watch_servers(n);
  caf::anon_send(n.events, events_agent{caf::actor_cast<caf::strong_actor_ptr>(n.agent)});
  auto strong = [](auto& handle) { return caf::actor_cast<caf::strong_actor_ptr>(handle); };
  std::vector<watched_actor> needed{{"agent", strong(n.agent)}, {"gossip among agents", strong(n.cluster.lan)}, {"gossip among servers", strong(n.cluster.wan)}};
  if (serves)
    needed.insert(needed.end(), {{"raft", strong(n.raft)}, {"peers", strong(n.peers)}, {"state", strong(n.writer)}, {"watch", strong(n.watch)}, {"snapshot", strong(n.snapshots)}, {"autopilot", strong(n.autopilot)}});
  else needed.insert(needed.end(), {{"router", strong(n.router)}, {"rpc", strong(n.cluster.rpc)}});
  for (auto& [name, actor] : n.beside_raft) needed.emplace_back(name, strong(actor));
  n.supervisor = spawn_supervisor(*n.system, std::move(needed),
                                  [&events](std::string who) { events.post(node_event::died, std::move(who)); });
  await_leadership(n);
  if (auto s = start_fronts(n); !s) return s;
  if (auto s = join_at_start(n); !s) return s;
  return start_watches(n, n.config);
}

} // namespace

int run_agent(loaded_config loaded, std::function<result<loaded_config>()> reload) {
  event_source events;
  raise_descriptor_limit();
  node n;
  n.config = std::move(loaded.config);
  auto opened = check_supported(n.config);
  if (opened) opened = open_storage(n);
  if (!opened) {
    fmt::print("==> {}\n", opened.err().text);
    return 1;
  }
  print_banner(n);
  if (auto s = open_logs(n); !s) {
    fmt::print("==> {}\n", s.err().text);
    return 1;
  }
  for (auto& w : loaded.warnings) log::warn("agent", "{}", w);
  write_pid_file(n.config.pid_file);
  int code = 1;
  if (auto s = start(n, events, reload); !s) {
    code = fail(s.err());
  } else {
    fmt::print("==> Consul agent running!\n");
    std::fflush(stdout);
    code = event_loop(n, events).run();
    log::info("agent", "Requesting shutdown");
  }
  telemetry::stop_metrics();
  take_down(n);
  if (!n.config.pid_file.empty()) ::unlink(n.config.pid_file.c_str());
  log::info("agent", "shutdown complete");
  log::info("agent", "Exit code: code={}", code);
  std::fflush(nullptr);
  ::_exit(code); // whatever thread is still in the kernel must not hold up the end
}

} // namespace actord
