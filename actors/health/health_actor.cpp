#include "actors/health/health_actor.hpp"
#include "actors/health/check_board.hpp"
#include "actors/health/dial.hpp"
#include "actors/health/script_start.hpp"
#include "actors/health/tls_contexts.hpp"
#include "actors/messages/agent_messages.hpp"
#include "runtime/base/machine_memory.hpp"
#include "runtime/base/thread_start.hpp"
#include "runtime/net/loop_actor.hpp"
#include <caf/actor.hpp>
#include <caf/send.hpp>
#include <thread>

namespace actord::health {

namespace {
// Each holds a descriptor, and clients need theirs.
size_t longest_lane(size_t wanted) { return std::clamp<size_t>(usable_descriptors() / 4, 16, wanted); }
} // namespace

struct health_service::impl {
  caf::actor_system& system;
  health_options options;
  caf::strong_actor_ptr sink;
  tls_contexts tls;
  std::shared_ptr<net::io_loop> loop;
  std::unique_ptr<net::name_resolver> names;
  run_context context;
  std::unique_ptr<killed_processes> killed;
  std::unique_ptr<script_starts> scripts;
  std::unique_ptr<check_board> checks;
  std::vector<check_result> results;
  net::loop_actor_ptr self;
  std::thread thread;

  impl(caf::actor_system& sys, health_options o, caf::strong_actor_ptr s) : system(sys), options(std::move(o)), sink(std::move(s)), tls(options.tls) {}

  void wire() {
    context.loop = loop.get();
    context.tls = &tls;
    context.output_cap = options.output_cap;
    names = std::make_unique<net::name_resolver>(*loop);
    context.resolve = resolve_by(*names);
    killed = std::make_unique<killed_processes>(*loop);
    context.killed = killed.get();
    scripts = std::make_unique<script_starts>(*loop, *killed);
    context.scripts = scripts.get();
    checks = std::make_unique<check_board>(context, options.max_running, longest_lane(options.max_long), prng(options.seed), [this](const std::string& id, verdict v) {
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
  auto t = start_thread("health", [raw = i->loop.get()] { raw->run(); });
  if (!t) {
    i->self->quit_loop();
    return t.err();
  }
  i->thread = std::move(*t);
  return std::unique_ptr<health_service>(new health_service(std::move(i)));
}

const caf::strong_actor_ptr& health_service::address() const { return impl_->self.address(); }

health_service::~health_service() {
  impl_->loop->stop();
  impl_->thread.join();
  impl_->results.clear();
  impl_->self->quit_loop();
  impl_->checks.reset(); // kills the scripts that run
  impl_->scripts.reset();
  impl_->killed.reset();
  impl_->names.reset();
  impl_->sink = nullptr;
}

} // namespace actord::health
