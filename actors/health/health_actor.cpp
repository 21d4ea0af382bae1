#include "actors/health/health_actor.hpp"
#include "actors/health/check_board.hpp"
#include "actors/health/dial.hpp"
#include "actors/messages/agent_messages.hpp"
#include "runtime/net/loop_actor.hpp"
#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <thread>

namespace actord::health {

struct resolve_name {
  std::string host;
  uint16_t port = 0;
  resolved done;
  std::shared_ptr<net::io_loop> loop; // kept until the answer is posted, whoever stopped meanwhile
};

} // namespace actord::health

ACTORD_LOCAL_MESSAGE(actord::health::resolve_name)

namespace actord::health {

namespace {

// Asks the system's resolver, which blocks: hence detached. A class, because CAF 0.17 reads the arguments of a function
// through a null pointer when there are none.
struct resolver : caf::event_based_actor {
  using caf::event_based_actor::event_based_actor;
  caf::behavior make_behavior() override {
    return {[](resolve_name& q) {
      auto found = std::make_shared<result<std::vector<dial_target>>>(resolve_blocking(q.host, q.port));
      q.loop->post([done = std::move(q.done), found] { done(std::move(*found)); });
    }};
  }
};

} // namespace

struct health_service::impl {
  caf::actor_system& system;
  health_options options;
  caf::strong_actor_ptr sink;
  std::shared_ptr<net::io_loop> loop;
  caf::actor resolver_actor;
  run_context context;
  std::unique_ptr<check_board> checks;
  std::vector<check_result> results;
  net::loop_actor_ptr self;
  std::thread thread;

  impl(caf::actor_system& sys, health_options o, caf::strong_actor_ptr s) : system(sys), options(std::move(o)), sink(std::move(s)) {}

  void wire() {
    context.loop = loop.get();
    context.tls = options.tls;
    context.output_cap = options.output_cap;
    context.resolve = [this](const std::string& host, uint16_t port, resolved done) {
      if (!resolver_actor) resolver_actor = system.spawn<resolver, caf::detached>();
      caf::anon_send(resolver_actor, resolve_name{host, port, std::move(done), loop});
    };
    checks = std::make_unique<check_board>(context, options.max_running, prng(options.seed), [this](const std::string& id, verdict v) {
      results.push_back({id, std::move(v.status), std::move(v.output)});
    });
    loop->at_iteration_end([this] {
      if (!results.empty()) caf::anon_send(caf::actor_cast<caf::actor>(sink), check_results{std::exchange(results, {})});
    });
    self = net::loop_actor::make(system, *loop, [this](net::loop_actor*) {
      return caf::behavior{[this](check_start& m) { checks->start(m.id, std::move(m.check)); },
                           [this](check_stop& m) { checks->stop(m.id); }};
    });
  }
};

health_service::health_service(std::unique_ptr<impl> i) : impl_(std::move(i)) {}

result<std::unique_ptr<health_service>> health_service::start(caf::actor_system& system, health_options o, caf::strong_actor_ptr sink) {
  auto loop = net::io_loop::make();
  if (!loop) return loop.err();
  auto i = std::make_unique<impl>(system, std::move(o), std::move(sink));
  i->loop = std::move(*loop);
  i->wire();
  i->thread = std::thread([raw = i->loop.get()] { raw->run(); });
  return std::unique_ptr<health_service>(new health_service(std::move(i)));
}

const caf::strong_actor_ptr& health_service::address() const { return impl_->self.address(); }

health_service::~health_service() {
  impl_->loop->stop();
  impl_->thread.join();
  impl_->results.clear();
  impl_->self->quit_loop();
  impl_->checks.reset(); // kills the scripts that run
  if (impl_->resolver_actor) caf::anon_send_exit(impl_->resolver_actor, caf::exit_reason::kill);
  impl_->sink = nullptr;
}

} // namespace actord::health
