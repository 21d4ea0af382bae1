// The agent's actor with a router that applies to nothing: what it proposes, keeps and publishes.
#include "actors/agent/core/content_hash.hpp"
#include "actors/agent/agent_actor.hpp"
#include "actors/health/health_actor.hpp"
#include "actors/agent/registration_files.hpp"
#include "actors/messages/agent_messages.hpp"
#include "actors/messages/messages.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "runtime/base/json_codec.hpp"
#include "storage/command/commands.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/failing_state.hpp"
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <condition_variable>
#include <csignal>
#include "runtime/base/hcl.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <sys/resource.h>
#include <thread>

using namespace actord;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

class counters {
public:
  void add(size_t n) {
    std::lock_guard lock(mutex_);
    commands_ += n;
    grown_.notify_all();
  }
  size_t wait_for(size_t n, std::chrono::milliseconds most = 20s) {
    std::unique_lock lock(mutex_);
    grown_.wait_for(lock, most, [&] { return commands_ >= n; });
    return commands_;
  }

private:
  std::mutex mutex_;
  std::condition_variable grown_;
  size_t commands_ = 0;
};

router_handle::behavior_type obliging_router(router_handle::pointer self, std::shared_ptr<counters> n) {
  return {[self, n](const proposals& p) {
            proposals_done d;
            for (auto& one : p.batch) d.outcomes.push_back({one.id, {}});
            n->add(p.batch.size());
            caf::anon_send(caf::actor_cast<caf::actor>(p.reply_to), std::move(d));
            (void)self;
          },
          [](const read_wanted&) {},
          [](const membership_change&) { return apply_outcome{}; },
          [](const leadership_transfer&) { return apply_outcome{}; },
          [](const propose_one&) { return apply_outcome{}; },
          [](leader_query) { return leader_info{}; }};
}

// Servers that take a call and never answer it.
struct silent_state {
  std::vector<caf::typed_response_promise<rpc_answer>> asked;
};
rpc_handle::behavior_type silent_servers(rpc_handle::stateful_pointer<silent_state> self) {
  return {[self](const rpc_call&) { return self->state.asked.emplace_back(self->make_response_promise<rpc_answer>()); }};
}

// Servers without a leader.
rpc_handle::behavior_type leaderless_servers() {
  return {[](const rpc_call&) {
    rpc_answer a;
    a.failure = error(errc::no_leader, "No cluster leader");
    return a;
  }};
}

result<std::unique_ptr<check_runner>> run_checks(caf::actor_system& sys, caf::strong_actor_ptr sink, uint64_t seed) {
  health::health_options h;
  h.seed = seed;
  auto started = health::health_service::start(sys, std::move(h), std::move(sink));
  if (!started) return started.err();
  return std::unique_ptr<check_runner>(std::move(*started));
}

struct node {
  std::string dir;
  caf::actor_system_config cfg;
  std::unique_ptr<caf::actor_system> system;
  std::shared_ptr<counters> seen = std::make_shared<counters>();
  std::shared_ptr<agent_board> board = std::make_shared<agent_board>();
  router_handle router;
  rpc_handle servers; // null: the agent asks nobody
  agent_handle agent;
  error refused; // by the agent, when it does not start
  std::mutex lock;
  std::shared_ptr<std::atomic<bool>> leaving = std::make_shared<std::atomic<bool>>(false);
  std::vector<std::function<void(new_config)>> reading; // the configuration; guarded by lock
  // `hcl`: services and checks of the configuration.
  explicit node(std::string data_dir, const std::string& hcl = {}, state_store* catalog = nullptr, start_checks_fn start_checks = run_checks, bool silent = false, bool leaderless = false) : dir(std::move(data_dir)) {
    cfg.set("scheduler.policy", caf::atom("sharing"));
    cfg.set("scheduler.max-threads", size_t{2});
    system = std::make_unique<caf::actor_system>(cfg);
    router = system->spawn(obliging_router, seen);
    if (silent) servers = system->spawn(silent_servers);
    if (leaderless) servers = system->spawn(leaderless_servers);
    node_config c;
    c.node_name = "n1";
    c.node_id = "11111111-2222-3333-4444-555555555555";
    c.advertise_addr = "127.0.0.1";
    c.server = true;
    c.data_dir = dir;
    c.enable_script_checks = true;
    auto definitions = parse_hcl(hcl);
    REQUIRE(definitions);
    if (auto* services = definitions->find("services")) c.services = services->list;
    if (auto* checks = definitions->find("checks")) c.checks = checks->list;
    agent_deps deps;
    deps.router = router;
    deps.store = catalog;
    if (catalog) c.ae_interval = 50ms;
    deps.status = std::make_shared<node_status>();
    deps.status->leader = true;
    deps.board = board;
    deps.cluster.rpc = servers;
    deps.leaving = leaving;
    deps.start_checks = std::move(start_checks);
    deps.reload = [this](std::function<void(new_config)> done) {
      std::lock_guard hold(lock);
      reading.push_back(std::move(done));
    };
    auto started = spawn_agent(*system, c, deps);
    if (started) agent = std::move(*started);
    else refused = started.err();
  }
  ~node() {
    if (agent) caf::anon_send_exit(agent, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(router, caf::exit_reason::user_shutdown);
    if (servers) caf::anon_send_exit(servers, caf::exit_reason::user_shutdown);
    servers = nullptr;
    agent = nullptr;
    router = nullptr;
  }
  template <class M> error ask(M m) {
    error out;
    caf::scoped_actor self{*system};
    self->request(agent, caf::infinite, std::move(m)).receive([&](const agent_done& d) { out = d.failure; }, [](caf::error&) { FAIL("no answer"); });
    return out;
  }
  error add(const std::string& name) {
    service_add m;
    m.service.name = name;
    m.service.check.emplace().ttl = 1h;
    return ask(std::move(m));
  }
};

struct folder {
  fs::path path;
  folder() {
    std::string name = (fs::temp_directory_path() / "agent-actor-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

// What a SIGKILL at this moment would leave behind.
void copy_folder(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  std::error_code torn; // files come and go under the copy
  fs::create_directories(to);
  for (auto& e : fs::recursive_directory_iterator(from)) {
    const auto there = to / fs::relative(e.path(), from);
    if (e.is_directory()) fs::create_directories(there, torn);
    else fs::copy_file(e.path(), there, torn);
  }
}

// A limit of the process stands for the full disk: writing fails the same way.
struct full_disk {
  rlimit was{};
  full_disk() {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &was);
    const rlimit none{0, was.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  ~full_disk() { setrlimit(RLIMIT_FSIZE, &was); }
};

std::vector<std::string> contents(const fs::path& folder) {
  std::vector<std::string> out;
  for (auto& e : fs::recursive_directory_iterator(folder)) {
    std::ifstream in(e.path(), std::ios::binary);
    std::ostringstream text;
    if (e.symlink_status().type() == fs::file_type::regular) text << in.rdbuf();
    out.push_back(e.path().string() + ": " + text.str());
  }
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace

TEST_CASE("a TTL runs out in its time while the servers that were asked for the catalog do not answer") {
  folder f;
  node n(f.path.string(), {}, nullptr, run_checks, true);
  check_add m;
  m.check.id = m.check.name = "beat";
  m.check.ttl = 1s;
  REQUIRE(n.ask(std::move(m)).code == errc::none);
  REQUIRE(n.ask(check_ttl_update{"beat", "passing", ""}).code == errc::none);
  CHECK(test::eventually([&] {
    auto all = n.board->checks();
    return all.size() == 1 && all[0]->status == "critical";
  }));
}

TEST_CASE("what an agent acknowledged is there after the process was killed, whenever that was") {
  folder f, crashed;
  {
    node n(f.path.string());
    for (int i = 0; i < 200; ++i) REQUIRE(n.add("s" + std::to_string(i)).code == errc::none);
    REQUIRE(n.ask(service_remove{"s7"}).code == errc::none);
    copy_folder(f.path, crashed.path);
    CHECK(n.board->services().size() == 199);
  }
  node again(crashed.path.string());
  CHECK(again.board->services().size() == 199);
  CHECK(again.board->checks().size() == 199);
  CHECK_FALSE(again.board->service("s7"));
  node clean(f.path.string());
  CHECK(clean.board->services().size() == 199);
}

TEST_CASE("five thousand registrations reach the catalog in few batches") {
  folder f;
  node n(f.path.string());
  for (int i = 0; i < 5000; ++i) REQUIRE(n.add("s" + std::to_string(i)).code == errc::none);
  CHECK(n.seen->wait_for(5001) <= 5010);
}

// Before, all that was kept went out as registrations, and undid the tags that others had set.
TEST_CASE("who could not compare yet what it kept with the catalog tells it nothing") {
  folder f;
  REQUIRE(node(f.path.string()).add("web").code == errc::none);
  node n(f.path.string(), {}, nullptr, run_checks, false, true);
  REQUIRE(n.board->service("web"));
  CHECK(n.add("late").code == errc::none); // which is kept, and not waited for
  CHECK(n.seen->wait_for(1, 500ms) == 0);
}

TEST_CASE("who leaves tells the catalog nothing more, since that would bring it back after the leader took it out") {
  folder f;
  node n(f.path.string());
  REQUIRE(n.add("web").code == errc::none);
  *n.leaving = true;
  const auto told = n.seen->wait_for(0);
  REQUIRE(n.add("late").code == errc::none);
  CHECK(n.seen->wait_for(told + 1, 500ms) == told);
}

TEST_CASE("what cannot be kept on disk is refused and not registered, and works again when it can") {
  folder f;
  node n(f.path.string());
  REQUIRE(n.add("before").code == errc::none);
  {
    full_disk full;
    CHECK(n.add("web").code == errc::storage_full);
    check_ttl_update pass{"service:before", std::string(health_passing), ""};
    CHECK(n.ask(std::move(pass)).code == errc::storage_full);
  }
  CHECK_FALSE(n.board->service("web"));
  CHECK(n.board->service("before"));
  CHECK(n.add("web").code == errc::none);
  CHECK(n.board->service("web"));
}

TEST_CASE("a blocked look at a service ends when it changes and not before") {
  folder f;
  node n(f.path.string());
  REQUIRE(n.add("web").code == errc::none);
  const std::string hash = agent::content_hash(*n.board->service("web"));
  caf::scoped_actor self{*n.system};
  auto waiting = self->request(n.agent, caf::infinite, service_watch{"web", hash, 1h});
  service_add m;
  m.service.name = "web";
  m.service.port = 80;
  REQUIRE(n.ask(std::move(m)).code == errc::none);
  bool woken = false;
  std::move(waiting).receive([&](const agent_done&) { woken = true; }, [](caf::error&) { FAIL("no answer"); });
  CHECK(woken);
  CHECK(agent::content_hash(*n.board->service("web")) != hash);
}

TEST_CASE("a script that runs while the agent ends is killed, and the agent ends") {
  folder f;
  node n(f.path.string());
  check_add m;
  m.check.name = "s";
  m.check.script_args = {"/bin/sh", "-c", "sleep 100"};
  m.check.interval = 1s;
  REQUIRE(n.ask(std::move(m)).code == errc::none);
  CHECK(n.board->count().script_checks == 1);
}

TEST_CASE("an agent does not start without a service or check that its configuration asks for") {
  const std::pair<const char*, const char*> wrong[] = {
      {R"(services = [{ port = 1 }])", "Failed to register service \"\": Service name missing"},
      {R"(services = [{ name = "a" check = { http = "http://x" } }])",
       "Failed to validate checks for service \"a\": Interval must be > 0 for Script, HTTP, or TCP checks"},
      {R"(checks = [{ name = "x" }])", "Failed to register check 'x': Check is not valid: TTL must be > 0 for TTL checks"},
      {R"(checks = [{ ttl = "1s" }])", "Failed to register check '': CheckID missing"},
      {R"(checks = [{ name = "x" service_id = "no" ttl = "1s" }])", "Failed to register check 'x': ServiceID \"no\" does not exist"},
  };
  for (auto& [hcl, text] : wrong) {
    folder f;
    node n(f.path.string(), hcl);
    CHECK(n.refused.text == text);
  }
}

TEST_CASE("a configured check may be of a service that was registered by the API before") {
  folder f;
  {
    node n(f.path.string());
    REQUIRE(n.add("kept").code == errc::none);
  }
  node again(f.path.string(), R"(checks = [{ name = "mine" service_id = "kept" ttl = "1h" }])");
  CHECK(again.refused.text == "");
  const auto checks = again.board->checks_for("kept");
  CHECK(std::any_of(checks.begin(), checks.end(), [](auto& c) { return c->check_id == "mine" && c->service_name == "kept"; }));
}

TEST_CASE("an agent that refuses to start loses nothing that was kept") {
  folder f;
  const std::string web = R"(services = [{ name = "web" }])";
  {
    node n(f.path.string(), web);
    check_add m;
    m.check.name = "kept";
    m.check.service_id = "web";
    m.check.ttl = 1h;
    REQUIRE(n.ask(std::move(m)).code == errc::none);
  }
  {
    node broken(f.path.string(), R"(services = [{ name = "web" }, { port = 1 }])");
    REQUIRE(broken.refused.code != errc::none);
    node worse(f.path.string(), R"(services = [{ port = 1 }])");
    REQUIRE(worse.refused.code != errc::none);
  }
  node repaired(f.path.string(), web);
  CHECK(repaired.board->checks_for("web").size() == 1);
}

TEST_CASE("a catalog that cannot be read is not an empty one: nothing is told to it again") {
  folder f;
  auto catalog = state_store::open({.path = f.path.string() + "/state"});
  REQUIRE(catalog.ok());
  auto hogs = std::make_unique<test::no_readers_left>(**catalog);
  {
    node n(f.path.string(), {}, catalog->get());
    REQUIRE(n.add("web").code == errc::none);
    auto told = n.seen->wait_for(1); // what has changed here
    bool quiet = false;
    for (int i = 0; i < 20 && !quiet; ++i) {
      const auto before = told;
      told = n.seen->wait_for(before + 1, 1s);
      quiet = told == before;
    }
    CHECK(quiet);
  }
  hogs.reset();
  node n(f.path.string(), {}, catalog->get());
  CHECK(n.seen->wait_for(20) >= 20); // the catalog, which learns nothing, is compared twenty times a second
}

TEST_CASE("the state of a TTL check that was answered is there after the process was killed") {
  for (int round = 0; round < 20; ++round) {
    folder f, crashed;
    node n(f.path.string());
    REQUIRE(n.add("web").code == errc::none);
    REQUIRE(n.ask(check_ttl_update{"service:web", std::string(health_passing), "round " + std::to_string(round)}).code == errc::none);
    copy_folder(f.path, crashed.path);
    node again(crashed.path.string());
    REQUIRE(again.board->checks().size() == 1);
    CHECK(again.board->checks()[0]->status == health_passing);
    CHECK(again.board->checks()[0]->output == "round " + std::to_string(round));
  }
}

TEST_CASE("an agent does not start without what was kept and cannot be read, and touches nothing") {
  for (const char* what : {"services", "checks", "agent-journal.v2.9"}) {
    folder f;
    {
      node n(f.path.string());
      for (int i = 0; i < 5; ++i) REQUIRE(n.add("s" + std::to_string(i)).code == errc::none);
    }
    std::error_code none;
    fs::rename(f.path / what, f.path / "aside", none);
    std::ofstream(f.path / what) << "";
    if (std::string_view(what).starts_with("agent")) {
      fs::remove(f.path / what);
      fs::create_symlink(what, f.path / what);
    }
    const auto before = contents(f.path);
    {
      node n(f.path.string());
      CHECK(n.refused.text.find((f.path / what).string()) != std::string::npos);
      CHECK(n.board->services().empty());
    }
    CHECK(contents(f.path) == before);
  }
}

TEST_CASE("on a full disk an agent starts with all that was kept, refuses what it cannot keep, and takes it again when there is room") {
  folder f;
  {
    node n(f.path.string());
    for (int i = 0; i < 5; ++i) REQUIRE(n.add("s" + std::to_string(i)).code == errc::none);
  }
  std::optional<node> n;
  {
    full_disk full;
    n.emplace(f.path.string());
    CHECK(n->refused.text == "");
    CHECK(n->board->services().size() == 5);
    CHECK(n->add("web").code == errc::storage_full);
    CHECK(n->ask(service_remove{"s1"}).code == errc::storage_full);
    CHECK(n->ask(check_remove{"service:s1"}).code == errc::storage_full);
    CHECK(n->ask(check_ttl_update{"service:s1", std::string(health_passing), ""}).code == errc::storage_full);
    CHECK(n->ask(maintenance_set{false, "s1", true, ""}).code == errc::storage_full);
    CHECK(n->board->services().size() == 5);
    CHECK(n->board->checks().size() == 5);
  }
  CHECK(test::eventually([&] { return n->add("web").code == errc::none; })); // the journal is opened again after a back-off
  CHECK(n->ask(service_remove{"s1"}).code == errc::none);
  n.reset();
  node again(f.path.string());
  CHECK(again.board->services().size() == 5);
  CHECK(again.board->service("web"));
  CHECK_FALSE(again.board->service("s1"));
}

TEST_CASE("a service whose file cannot be removed does not come back") {
  folder f;
  {
    node n(f.path.string());
    REQUIRE(n.add("web").code == errc::none);
    REQUIRE(n.add("other").code == errc::none);
  }
  const auto file = f.path / agent::service_path("web"), aside = f.path / "aside";
  {
    node n(f.path.string());
    fs::rename(file, aside);
    fs::create_directories(file / "held"); // cannot be removed as a file is
    REQUIRE(n.ask(service_remove{"web"}).code == errc::none);
    REQUIRE(n.ask(service_remove{"other"}).code == errc::none);
    CHECK(test::eventually([&] { return !fs::exists(f.path / agent::service_path("other")); })); // the other one does not wait for it
  }
  fs::remove_all(file);
  fs::rename(aside, file);
  {
    node again(f.path.string());
    CHECK(again.board->services().empty());
    CHECK(test::eventually([&] { return !fs::exists(file); }));
  }
}

TEST_CASE("a service whose file is damaged can be deregistered: its file goes, and the catalog is told") {
  folder f;
  const fs::path services = f.path / "services", checks = f.path / "checks";
  fs::create_directories(services);
  fs::create_directories(checks);
  for (auto& path : {agent::service_path("web"), agent::service_path("kept"), agent::check_path("beat")}) std::ofstream(f.path / path) << "{";
  node n(f.path.string());
  REQUIRE(n.agent);
  const auto told = n.seen->wait_for(1); // of the node
  CHECK(n.ask(service_remove{"web"}).code == errc::none);
  CHECK(n.ask(check_remove{"beat"}).code == errc::none);
  CHECK(n.seen->wait_for(told + 2) >= told + 2);
  CHECK(test::eventually([&] { return !fs::exists(f.path / agent::service_path("web")) && !fs::exists(f.path / agent::check_path("beat")); }));
  CHECK(fs::exists(f.path / agent::service_path("kept")));
}

TEST_CASE("an agent whose checks cannot be run does not start") {
  folder f;
  node n(f.path.string(), {}, nullptr, [](caf::actor_system&, caf::strong_actor_ptr, uint64_t) -> result<std::unique_ptr<check_runner>> { return error{errc::internal, "no threads"}; });
  CHECK(n.refused.text == "Failed to start checks: no threads");
}

TEST_CASE("a reload that waits for what it reads holds up nobody, and who asks meanwhile has it read once more") {
  folder f;
  node n(f.path);
  const auto wait_for_reads = [&](size_t times) {
    size_t reads = 0;
    const bool came = test::eventually([&] {
      std::lock_guard hold(n.lock);
      reads = n.reading.size();
      return reads >= times;
    });
    return came ? reads : size_t{0};
  };
  caf::scoped_actor self{*n.system};
  const auto reload = [&] { return self->request(n.agent, caf::infinite, agent_reload{}); };
  size_t answered = 0;
  const auto fine = [&](const agent_done& d) { answered += d.failure.code == errc::none; };
  const auto none = [](caf::error&) { FAIL("no answer"); };
  auto first = reload();
  REQUIRE(wait_for_reads(1) == 1);
  CHECK(n.add("web").code == errc::none); // and is answered
  auto second = reload(), third = reload();
  CHECK(n.add("db").code == errc::none); // behind them
  node_config fresh;
  size_t applied = 0;
  const new_config found{std::function<result<node_config>()>([&] { return ++applied, fresh; })};
  n.reading[0](found);
  first.receive(fine, none);
  REQUIRE(wait_for_reads(2) == 2);
  n.reading[1](found);
  second.receive(fine, none);
  third.receive(fine, none);
  CHECK(answered == 3);
  CHECK(applied == 2);
}
