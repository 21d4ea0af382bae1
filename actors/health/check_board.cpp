#include "actors/health/check_board.hpp"

namespace actord::health {

namespace {

using namespace std::chrono_literals;
constexpr nanos brief_time = 1s;

// Kinds that this build knows but cannot run: critical, and the output says why.
class refused_run final : public check_run {
public:
  refused_run(done_function done, std::string why) : done_(std::move(done)), why_(std::move(why)) {}
  void start() override {
    if (auto done = std::exchange(done_, nullptr)) done(critical(why_));
  }
  void abort() override { done_ = nullptr; }

private:
  done_function done_;
  std::string why_;
};

} // namespace

std::shared_ptr<check_run> make_run(run_context& context, std::shared_ptr<const check_registration> check, check_run::done_function done) {
  if (!check->http.empty()) return make_http_run(context, std::move(check), std::move(done));
  if (!check->tcp.empty()) return make_tcp_run(context, std::move(check), std::move(done));
  if (!check->grpc.empty()) return make_grpc_run(context, std::move(check), std::move(done));
  if (!check->docker_container_id.empty()) return std::make_shared<refused_run>(std::move(done), "Docker checks are not supported by this agent");
  if (!check->script_args.empty()) return make_script_run(context, std::move(check), std::move(done));
  return nullptr;
}

void check_board::start(const std::string& id, std::shared_ptr<const check_registration> check) {
  if (auto old = checks_.find(id); old != checks_.end()) {
    if (*old->second.check == *check) return;
    drop(old->second);
    checks_.erase(old);
  }
  auto& e = checks_.emplace(id, entry{check, check_pace(*check), check_judge(*check), 0, nullptr, ++serials_}).first->second;
  arm(id, e, e.pace.first_delay(random_));
}

void check_board::arm(const std::string& id, entry& e, nanos delay) {
  e.timer = context_.loop->call_after(delay, [this, id, serial = e.serial] { due(id, serial); });
}

void check_board::due(const std::string& id, uint64_t serial) {
  auto it = checks_.find(id);
  if (it == checks_.end() || it->second.serial != serial || it->second.run) return;
  entry& e = it->second;
  e.timer = 0;
  if (lane_of(e).is_full()) return lane_of(e).waiting.emplace_back(id, serial), void();
  auto run = make_run(context_, e.check, [this, id, serial](verdict v) { ran(id, serial, std::move(v)); });
  if (!run) return;
  ++lane_of(e).running;
  e.run = run;
  if (e.is_long) e.long_since = context_.loop->now();
  else e.timer = context_.loop->call_after(brief_time, [this, id, serial] { takes_long(id, serial); });
  run->start(); // may have answered already; `run` keeps it alive
}

void check_board::takes_long(const std::string& id, uint64_t serial) {
  auto it = checks_.find(id);
  if (it == checks_.end() || it->second.serial != serial || !it->second.run) return;
  entry& e = it->second;
  e.timer = 0;
  if (long_.is_full()) {
    auto run = e.run;
    run->abort();
    ran(id, serial, critical("Gave up after 1s: " + std::to_string(long_.running) + " other checks take as long"));
    if (it = checks_.find(id); it != checks_.end() && it->second.serial == serial && !it->second.run) it->second.is_long = true; // the next time among these
    return;
  }
  --brief_.running;
  ++long_.running;
  e.is_long = true;
  start_waiting();
}

void check_board::ran(const std::string& id, uint64_t serial, verdict v) {
  auto it = checks_.find(id);
  if (it == checks_.end() || it->second.serial != serial) return;
  entry& e = it->second;
  --lane_of(e).running;
  context_.loop->cancel(std::exchange(e.timer, 0));
  if (e.is_long && e.long_since != net::io_loop::clock::time_point{}) e.is_long = context_.loop->now() - e.long_since >= brief_time;
  e.long_since = {};
  context_.loop->retire(std::exchange(e.run, nullptr));
  arm(id, e, e.pace.next_delay());
  if (auto news = e.judge.ran(std::move(v))) report_(id, std::move(*news));
  start_waiting();
}

void check_board::start_waiting() {
  for (lane* l : {&brief_, &long_}) {
    while (!l->is_full() && !l->waiting.empty()) {
      auto [id, serial] = std::move(l->waiting.front());
      l->waiting.pop_front();
      due(id, serial);
    }
  }
}

void check_board::drop(entry& e) {
  context_.loop->cancel(std::exchange(e.timer, 0));
  if (!e.run) return;
  --lane_of(e).running;
  e.run->abort();
  context_.loop->retire(std::exchange(e.run, nullptr));
}

void check_board::stop(const std::string& id) {
  auto it = checks_.find(id);
  if (it == checks_.end()) return;
  drop(it->second);
  checks_.erase(it);
  start_waiting();
}

void check_board::clear() {
  // Nobody of them is on the stack here, so they need not outlive this call.
  for (auto& [id, e] : checks_) {
    context_.loop->cancel(std::exchange(e.timer, 0));
    if (e.run) e.run->abort();
  }
  checks_.clear();
  for (lane* l : {&brief_, &long_}) {
    l->running = 0;
    l->waiting.clear();
  }
}

} // namespace actord::health
