#include "runtime/node/boot.hpp"
#include "actors/coordinate/coordinate_actor.hpp"
#include "actors/health/health_actor.hpp"
#include "actors/members/leave_actor.hpp"
#include "actors/messages/agent_messages.hpp"
#include "actors/messages/write_times.hpp"
#include "actors/peers/peers_actor.hpp"
#include "actors/raft/raft_actor.hpp"
#include "actors/raft/snapshot_actor.hpp"
#include "actors/state/scrub_actor.hpp"
#include "actors/state/state_actor.hpp"
#include "actors/state/watch_actor.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/thread_start.hpp"
#include "runtime/config/loader.hpp"
#include "runtime/config/node_id.hpp"
#include "runtime/node/damaged_log.hpp"
#include "runtime/node/damaged_state.hpp"
#include "runtime/node/early_lines.hpp"
#include "runtime/node/end_watch.hpp"
#include "runtime/node/node.hpp"
#include "runtime/node/recover_id.hpp"
#include "runtime/node/recover_peers.hpp"
#include "runtime/node/restart.hpp"
#include "runtime/node/signals.hpp"
#include "runtime/node/start_pages.hpp"
#include "runtime/node/supervisor_actor.hpp"
#include "runtime/node/tls_files.hpp"
#include "runtime/telemetry/log_sinks.hpp"
#include "runtime/telemetry/log_writer.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/command/row.hpp"
#include "storage/lmdb/environment.hpp"
#include <caf/actor_registry.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <climits>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <random>
#include <sys/resource.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace actord {

uint64_t fresh_seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

namespace {

constexpr auto start_takes = std::chrono::seconds(10); // until what only starting needed is given back
constexpr int exit_restart = -1; // of the event loop: the process starts anew
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
             "        Datacenter: '{}' (Segment: '{}')\n"
             "            Server: {} (Bootstrap: {})\n"
             "       Client Addr: [{}] (HTTP: {}, HTTPS: -1, gRPC: -1, DNS: {})\n"
             "      Cluster Addr: {} (LAN: {}, WAN: {})\n"
             "           Encrypt: Gossip: {}, TLS-Outgoing: false, TLS-Incoming: false, Auto-Encrypt-TLS: false\n\n"
             "==> Log data will now stream in as it occurs:\n\n",
             c.node_id, c.node_name, c.datacenter, c.server ? "<all>" : c.segment, flag(c.server), flag(c.bootstrap), joined(c.client_addrs, " "), c.port_http,
             c.port_dns, c.advertise_addr, c.port_serf_lan, c.port_serf_wan, flag(gossip_is_encrypted(n)));
  std::fflush(stdout);
}

status open_storage(node& n, string_list& warnings) {
  auto folder = data_folder::open(n.config.data_dir);
  if (!folder) return folder.err();
  n.folder = std::move(*folder);
  auto path = n.folder->path();
  if (auto s = recover_id(n.config, path, warnings); !s) return s;
  auto id = resolve_node_id(n.config, warnings);
  if (!id) return id.err();
  n.config.node_id = *id;
  if (!n.config.server) return {};
  if (auto s = refuse_foreign_log(path + "/raft"); !s) return s;
  for (const char* part : {"/raft", "/state"})
    if (auto s = make_folder(path + part); !s) return s;
  guard_databases(path + "/state", log_fault_mark(path));
  auto log = open_log(n.config, path);
  if (!log) return error{errc::internal, "Failed to open the Raft log: " + log.err().text};
  n.log = std::move(*log);
  if (auto s = recover_peers(path + "/raft", *n.log); !s) return s;
  auto state = open_state(n.config, path, n.log);
  if (!state) return error{errc::internal, "Failed to open the state: " + state.err().text};
  n.state = std::move(*state);
  n.status->applied.store(n.state->applied_index().v);
  n.status->unpublished.store(n.state->applied_index().v);
  return {};
}

// Threads that an agent has at once, its libraries' among them; there are 16 to 22 (ls /proc/PID/task), and a few for what comes and goes.
constexpr size_t threads_of_agent = 26;

// Each arena of malloc reserves 64 MiB of them.
bool addresses_are_limited() {
  rlimit limit{};
  return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

status make_system(node& n) {
  // CAF ends the process when it cannot have one of its threads.
  if (auto s = can_have_threads(threads_of_agent); !s) return s;
  n.system_config = std::make_unique<caf::actor_system_config>();
  n.system_config->load<caf::io::middleman>();
  // "sharing" costs no idle CPU; the default, stealing, polls (1.2 to 1.5 % of a core).
  n.system_config->set("scheduler.policy", caf::atom("sharing"));
  // Gossip's streams and Raft's connections share a thread: a turn of one of them is a quarter of a megabyte, not three.
  n.system_config->set("middleman.max-consecutive-reads", size_t{4});
  const size_t threads = n.config.server ? std::min<size_t>(4, std::thread::hardware_concurrency()) : 2;
  n.system_config->set("scheduler.max-threads", std::max<size_t>(2, threads));
  n.system = std::make_unique<caf::actor_system>(*n.system_config);
  return {};
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
  setup.hello.command_level = highest_command_level();
  setup.hold = c.rpc_hold_timeout;
  setup.tick = raft_tick(c);
  setup.options.election_ticks = raft_patience_ticks;
  setup.seed = fresh_seed();
  return setup;
}

status spawn_core(node& n, const std::shared_ptr<write_times>& writes) {
  auto setup = setup_of(n.config);
  auto mark = recovery_mark(n.folder->path());
  const auto incomplete = is_incomplete(n.folder->path());
  if (!mark || !incomplete) return error{errc::internal, "Failed to look at what the Raft log and the state say of themselves: " + (mark ? incomplete.err() : mark.err()).text};
  if (setup.recovery_mark = std::move(*mark); !setup.recovery_mark.empty()) setup.options.members = {}; // the cluster is there already
  if (*incomplete) setup.state_is_whole = [path = n.folder->path()] { note_complete(path); };
  const auto scrub = spawn_scrub_actor(*n.system, *n.state);
  n.beside_raft.emplace_back("scrub", scrub);
  snapshot_policy policy;
  policy.doubt = setup.snapshot_doubt = std::make_shared<std::atomic<bool>>(false);
  setup.look_for_damage = [scrub] { caf::anon_send(scrub, scrub_now{}); };
  peers_setup ps;
  ps.bind = {n.config.rpc_bind.host, static_cast<uint16_t>(n.config.rpc_bind.port)};
  ps.listens = false; // the RPC server accepts for both
  ps.self = setup.hello;
  ps.data_dir = n.folder->path();
  ps.seed = fresh_seed();
  ps.writes = setup.writes = writes;
  n.desk = std::make_shared<leader_desk>(*n.state);
  setup.answers = [desk = n.desk](std::string_view command, std::chrono::steady_clock::time_point now, bool current, apply_result& out) {
    return desk->answer(command, now, current, out);
  };
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
  n.writer = spawn_state_actor(*n.system, *n.state, n.raft, n.watch, n.status, writes);
  policy.interval = n.config.raft_snapshot_interval;
  policy.threshold = static_cast<uint64_t>(n.config.raft_snapshot_threshold);
  policy.trailing = static_cast<uint64_t>(n.config.raft_trailing_logs);
  n.snapshots = spawn_snapshot_actor(*n.system, *n.state, *n.log, n.raft, policy);
  n.autopilot = spawn_autopilot(*n.system, n.config, n.raft, *n.state, n.status, n.health_board);
  caf::anon_send(n.raft, raft_attach{n.writer, n.peers});
  return {};
}

// ---- stopping --------------------------------------------------------------------------------------------------

// A service manager that cannot be told is no reason to stop; it will say what it missed.
void tell_manager(const node& n, const std::string& message) {
  if (auto s = n.manager.tell(message); !s) log::warn("agent", "the service manager was not told {}: {}", message.substr(0, message.find('\n')), s.err().text);
}

std::string monotonic_microseconds() {
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

class event_loop {
public:
  event_loop(node& n, event_source& events) : node_(n), events_(events) {}
  bool is_hurried() const { return hurried_; } // signalled twice: the end is not to wait

  int run() {
    bool started = false;
    busy_memory memory;
    for (;;) {
      // A client agent shares its machine with what it serves: what a busy minute needed goes back as well, of its code, too.
      const bool client = !node_.config.server;
      auto e = events_.next(client && started ? std::chrono::minutes(1) : start_takes);
      if (!e) {
        if (!std::exchange(started, true) || client) release_start_pages();
        memory.look();
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
      case node_event::state_damaged:
      case node_event::log_damaged: return exit_restart;
      case node_event::database_lost:
        log::err("agent", "the disk failed below a database, which refuses everything until it is opened anew: starting anew in place");
        return exit_restart;
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
    tell_manager(node_, "RELOADING=1\nMONOTONIC_USEC=" + monotonic_microseconds());
    // Not waited for here: it may look names up, and other signals come meanwhile.
    node_.system->spawn<caf::hidden>([&n = node_](caf::event_based_actor* self) {
      const auto done = [&n](const std::string& failure) {
        if (!failure.empty()) log::err("agent", "Failed to reload configs: error=\"{}\"", failure);
        tell_manager(n, "READY=1");
      };
      self->request(n.agent, std::chrono::seconds(60), agent_reload{})
          .then([done](const agent_done& d) { done(d.failure.code == errc::none ? std::string() : d.failure.text); },
                [done, self](caf::error& e) { if (e == caf::sec::request_timeout) done(self->system().render(e)); }); // else it stops
    });
  }

  // To where nothing else goes, so that it can be kept apart from the log.
  static void dump_metrics() { telemetry::print(STDERR_FILENO, telemetry::metrics_dump()); }

  int signalled(const char* signal, bool graceful) {
    log::info("agent", "Caught: signal={}", signal);
    if (!graceful) {
      log::info("agent", "Graceful shutdown disabled. Exiting");
      return 1;
    }
    log::info("agent", "Gracefully shutting down agent...");
    caf::anon_send(caf::actor_cast<caf::actor>(node_.cluster.leave), agent_leave{});
    auto deadline = std::chrono::steady_clock::now() + graceful_timeout;
    while (std::chrono::steady_clock::now() < deadline) {
      auto e = events_.next(std::chrono::milliseconds(200));
      if (!e || *e == node_event::hangup || *e == node_event::dump || *e == node_event::ignored) continue;
      if (*e == node_event::leave) leave_cluster();
      hurried_ = *e == node_event::interrupt || *e == node_event::terminate;
      return *e == node_event::leave ? 0 : 1;
    }
    return 1;
  }

  // We are out of the pools, so no leader takes us in again. Now out of Raft's configuration, so that the others' majority
  // does not count on us any more; not the last one: its data would have no cluster to come back to.
  void leave_cluster() {
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
  bool hurried_ = false;
};

int fail(const error& e) {
  log::err("agent", "Error starting agent: error=\"{}\"", e.text);
  if (e.text.find("ddress already in use") != std::string::npos)
    log::err("agent", "Another program has that address, perhaps another agent: -bind and -client give this one addresses of its own, the block ports other ports");
  log::info("agent", "Exit code: code=1");
  return 1;
}

status open_logs(node& n) {
  const auto& c = n.config;
  auto level = log::level::info;
  log::parse_level(c.log_level, level);
  n.log_sinks.push_back(telemetry::add_stdout_sink(level, c.log_json));
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

status write_pid_file(const std::string& path) {
  if (path.empty()) return {};
  const file_wait waits(path);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return error{errc::internal, "Could not open pid file: " + file_error("open", path).text};
  auto s = write_all(fd, std::to_string(::getpid()) + "\n", path);
  ::close(fd);
  return s ? s : error{s.err().code, "Could not write to pid file: " + s.err().text};
}

using reload_fn = std::function<result<loaded_config>()>;

// Consul says nothing of these.
void warn_about_fixed(const node_config& started, node_config now) {
  if (now.node_id.empty()) now.node_id = started.node_id;
  for (auto& key : reloadable_changes(started, now).fixed) log::warn("agent", "{} has changed: that takes effect at the next start", key);
}

result<node_config> apply_config(node& n, const node_config& config, const dns::dns_server::new_settings& of_dns) {
  if (n.dns) of_dns(*n.dns);
  if (auto level = log::level::info; log::parse_level(config.log_level, level))
    for (const int sink : n.log_sinks) log::set_sink_level(sink, level);
  telemetry::reload_metrics(config.telemetry_prefix_filter, config.telemetry_filter_default);
  if (auto s = start_watches(n, config); !s) return error{s.err().code, "Failed reloading watches: " + s.err().text};
  return config;
}

void read_again(node& n, const reload_fn& reload, const std::function<void(new_config)>& done) {
  auto again = reload();
  if (!again) return done({again.err()});
  warn_about_fixed(n.config, again->config);
  auto config = std::make_shared<node_config>(apply_reload(n.config, again->config));
  dns::dns_server::prepare_reload(*config, [&n, config, done](result<dns::dns_server::new_settings> dns) {
    if (!dns) return done({error{dns.err().code, "Failed reloading dns config : " + dns.err().text}});
    done({std::function<result<node_config>()>([&n, config, now = std::move(*dns)] { return apply_config(n, *config, now); })});
  });
}

status spawn_local_agent(node& n, const reload_fn& reload) {
  agent_deps deps;
  deps.router = n.router;
  deps.store = n.state.get();
  deps.status = n.status;
  deps.board = n.board;
  deps.cluster = n.cluster;
  // In a thread of its own: the files may be where a file system hangs. The node and its configuration outlive it.
  deps.reload = [&n, reload](const std::function<void(new_config)>& done) {
    auto t = start_thread("reload", [&n, reload, done] { read_again(n, reload, done); });
    if (t) t->detach();
    else done({t.err()});
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
  // A client agent stays who it was. A server without its Raft log is not the one that the others know: its next start makes another id.
  deps.remake_folder = [&n] {
    auto s = n.folder->make_again();
    return s && !n.config.server ? replace_file(n.folder->path() + "/node-id", n.config.node_id) : s;
  };
  deps.leaving = n.leaving;
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
// holding their request. With a full disk there is no leader: then writes are refused at once, and reads with ?stale work.
void await_leadership(const node& n, const write_times& writes) {
  if (!n.config.bootstrap) return; // with others an election may take long; requests are held meanwhile
  auto deadline = std::chrono::steady_clock::now() + n.config.rpc_hold_timeout;
  const auto comes = [&] { return !n.state->is_damaged() && !writes.log_refuses() && !writes.state_refuses(); };
  while (!n.status->leader.load() && comes() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(1));
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

status start(node& n, event_source& events, const reload_fn& reload) try {
  if (auto s = check_startable(n.config); !s) return s;
  if (!n.config.server || addresses_are_limited()) few_arenas();
  if (auto s = make_system(n); !s) return s;
  lmdb::on_lost([&events](const char* what) { events.post(node_event::database_lost, what); });
  n.give_up = [&events] { events.post(node_event::gave_up); };
  if (n.state) n.state->on_damage([&events](const std::string& what) { events.post(node_event::state_damaged, what); });
  if (n.log)
    n.log->on_damage([&events, data_dir = n.folder->path()](const std::string& what) {
      note_log_fault(data_dir, what);
      events.post(node_event::log_damaged, what);
    });
  const auto writes = std::make_shared<write_times>(); // what Raft says of its disk
  if (n.config.server)
    if (auto s = spawn_core(n, writes); !s) return s;
  n.cluster.lan_members = n.lan_board;
  n.cluster.wan_members = n.wan_board;
  const bool serves = n.config.server;
  for (auto step : {spawn_pools, serves ? spawn_leader : spawn_client, serves ? spawn_rpc : spawn_leader, spawn_events})
    if (auto s = step(n); !s) return s;
  n.cluster.leave = members::spawn_leave(*n.system, {n.cluster.wan, n.cluster.lan, n.leaving, [&events] { events.post(node_event::leave); }});
  if (auto s = spawn_local_agent(n, reload); !s) return s;
  watch_servers(n);
  caf::anon_send(n.events, events_agent{caf::actor_cast<caf::strong_actor_ptr>(n.agent)});
  auto strong = [](auto& handle) { return caf::actor_cast<caf::strong_actor_ptr>(handle); };
  std::vector<watched_actor> needed{{"agent", strong(n.agent)}, {"gossip among agents", strong(n.cluster.lan)}, {"gossip among servers", strong(n.cluster.wan)}};
  if (serves)
    needed.insert(needed.end(), {{"raft", strong(n.raft)}, {"peers", strong(n.peers)}, {"state", strong(n.writer)}, {"watch", strong(n.watch)}, {"snapshot", strong(n.snapshots)}, {"autopilot", strong(n.autopilot)}});
  else needed.push_back({"rpc", strong(n.cluster.rpc)});
  for (auto& [name, actor] : n.beside_raft) needed.emplace_back(name, strong(actor));
  n.supervisor = spawn_supervisor(*n.system, std::move(needed),
                                  [&events](std::string who) { events.post(node_event::died, std::move(who)); });
  await_leadership(n, *writes);
  if (auto s = start_fronts(n); !s) return s;
  if (auto s = join_at_start(n); !s) return s;
  return start_watches(n, n.config);
} catch (const std::system_error& e) { // a thread of a library, or of an actor that has one to itself
  return error{errc::internal, std::string("a part of the agent cannot be started: ") + e.what() + ". Look at ulimit -u and ulimit -v"};
}

} // namespace

int run_agent(loaded_config loaded, std::function<result<loaded_config>()> reload) {
  event_source events;
  raise_descriptor_limit();
  node n;
  n.config = std::move(loaded.config);
  early_lines early;
  auto opened = check_tls_files(n.config);
  if (opened) opened = open_storage(n, loaded.warnings);
  if (!opened) {
    fmt::print("{}==> {}\n", early.text(), opened.err().text);
    return 1;
  }
  print_banner(n);
  if (auto s = open_logs(n); !s) {
    fmt::print("==> {}\n", s.err().text);
    return 1;
  }
  early.say();
  for (auto& w : loaded.warnings) log::warn("agent", "{}", w);
  int code = 1;
  bool hurried = false;
  const auto pid_kept = write_pid_file(n.config.pid_file);
  if (auto s = pid_kept ? start(n, events, reload) : pid_kept; !s) {
    code = fail(s.err());
  } else {
    stop_telling_file_waits();
    telemetry::print(STDOUT_FILENO, "==> Consul agent running!\n");
    tell_manager(n, "READY=1"); // whoever asks is answered; a leader may take longer, and other servers
    event_loop loop(n, events);
    code = loop.run();
    hurried = loop.is_hurried();
    log::info("agent", "Requesting shutdown");
    tell_manager(n, "STOPPING=1");
  }
  const bool restarts = code == exit_restart;
  if (restarts) code = 1;
  const bool in_place = restarts && !n.config.data_dir.empty() && may_restart(); // a folder in memory goes with its process
  {
    end_watch watch(events, hurried ? hurried_patience : end_patience, [code, in_place] {
      telemetry::drain_logs();
      if (in_place) restart_in_place();
      ::_exit(code);
    });
    watch.step("metrics");
    telemetry::stop_metrics();
    take_down(n, watch);
  }
  if (in_place) telemetry::drain_logs(), restart_in_place();
  if (restarts) log::err("agent", "not started anew in place: the next start goes on, and rebuilds what is damaged");
  if (pid_kept && !n.config.pid_file.empty()) ::unlink(n.config.pid_file.c_str());
  log::info("agent", "shutdown complete");
  log::info("agent", "Exit code: code={}", code);
  telemetry::drain_logs();
  ::_exit(code); // whatever thread is still in the kernel must not hold up the end
}

} // namespace actord
