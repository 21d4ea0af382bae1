// The agent's actor with a router that applies to nothing: what it proposes, keeps and publishes.
#include "actors/agent/agent_actor.hpp"
#include "actors/health/health_actor.hpp"
#include "actors/agent/registration_files.hpp"
#include "runtime/base/json_codec.hpp"
#include "storage/command/commands.hpp"
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <condition_variable>
#include <csignal>
#include "runtime/base/hcl.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <mutex>
#include <sys/resource.h>

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
  size_t wait_for(size_t n) {
    std::unique_lock lock(mutex_);
    grown_.wait_for(lock, 20s, [&] { return commands_ >= n; });
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

struct node {
  std::string dir;
  caf::actor_system_config cfg;
  std::unique_ptr<caf::actor_system> system;
  std::shared_ptr<counters> seen = std::make_shared<counters>();
  std::shared_ptr<agent_board> board = std::make_shared<agent_board>();
  router_handle router;
  agent_handle agent;
  error refused; // by the agent, when it does not start
  // `hcl`: services and checks of the configuration.
  explicit node(std::string data_dir, const std::string& hcl = {}) : dir(std::move(data_dir)) {
    cfg.set("scheduler.policy", caf::atom("sharing"));
    cfg.set("scheduler.max-threads", size_t{2});
    system = std::make_unique<caf::actor_system>(cfg);
    router = system->spawn(obliging_router, seen);
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
    deps.status = std::make_shared<node_status>();
    deps.status->leader = true;
    deps.board = board;
    deps.start_checks = [](caf::actor_system& sys, caf::strong_actor_ptr sink, uint64_t seed) -> result<std::unique_ptr<check_runner>> {
      health::health_options h;
      h.seed = seed;
      auto started = health::health_service::start(sys, std::move(h), std::move(sink));
      if (!started) return started.err();
      return std::unique_ptr<check_runner>(std::move(*started));
    };
    auto started = spawn_agent(*system, c, deps);
    if (started) agent = std::move(*started);
    else refused = started.err();
  }
  ~node() {
    if (agent) caf::anon_send_exit(agent, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(router, caf::exit_reason::user_shutdown);
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

} // namespace

TEST_CASE("what an agent acknowledged is there after the process was killed, whenever that was") {
  folder f, crashed;
  {
    node n(f.path.string());
    for (int i = 0; i < 200; ++i) REQUIRE(n.add("s" + std::to_string(i)).code == errc::none);
    REQUIRE(n.ask(service_remove{"s7"}).code == errc::none);
    // What a SIGKILL at this moment would leave behind.
    fs::remove(crashed.path);
    std::error_code torn; // files come and go under the copy
    fs::create_directories(crashed.path);
    for (auto& e : fs::recursive_directory_iterator(f.path)) {
      const auto to = crashed.path / fs::relative(e.path(), f.path);
      if (e.is_directory()) fs::create_directories(to, torn);
      else fs::copy_file(e.path(), to, torn);
    }
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

TEST_CASE("what cannot be kept on disk is refused and not registered, and works again when it can") {
  folder f;
  node n(f.path.string());
  REQUIRE(n.add("before").code == errc::none);
  {
    // A limit of the process stands for the full disk: writing fails the same way.
    struct limited {
      rlimit was{};
      limited() {
        signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &was);
        const rlimit none{1, was.rlim_max};
        setrlimit(RLIMIT_FSIZE, &none);
      }
      ~limited() { setrlimit(RLIMIT_FSIZE, &was); }
    } full;
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
  const std::string hash = content_hash(*n.board->service("web"));
  caf::scoped_actor self{*n.system};
  auto waiting = self->request(n.agent, caf::infinite, service_watch{"web", hash, 1h});
  service_add m;
  m.service.name = "web";
  m.service.port = 80;
  REQUIRE(n.ask(std::move(m)).code == errc::none);
  bool woken = false;
  std::move(waiting).receive([&](const agent_done&) { woken = true; }, [](caf::error&) { FAIL("no answer"); });
  CHECK(woken);
  CHECK(content_hash(*n.board->service("web")) != hash);
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
