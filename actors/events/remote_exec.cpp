#include "actors/events/remote_exec.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "runtime/base/thread_start.hpp"
#include "runtime/net/child.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include <caf/scoped_actor.hpp>
#include <chrono>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord::events {
namespace {

constexpr size_t most_jobs = 16; // at a time
constexpr uint64_t most_output = 64 << 20; // of one job; every 4 KiB is a write to the cluster
constexpr auto call_patience = std::chrono::seconds(15);
constexpr int failed_code = 255;

nanos now() { return std::chrono::steady_clock::now().time_since_epoch(); }

// The script of a job as a file that can be run; gone with this.
class script_file {
public:
  explicit script_file(const std::string& text) {
    std::string path = "/tmp/rexecXXXXXX";
    int fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0) return;
    path_ = path;
    bool whole = ::fchmod(fd, 0750) == 0;
    for (std::string_view rest = text; whole && !rest.empty();) {
      auto n = ::write(fd, rest.data(), rest.size());
      if (n <= 0) whole = false;
      else rest.remove_prefix(static_cast<size_t>(n));
    }
    ::close(fd);
    if (!whole) ::unlink(path_.c_str()), path_.clear();
  }
  ~script_file() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; } // "" when it could not be written

private:
  std::string path_;
};

// KV through Consul's RPC, from a thread of a job.
class job_store {
public:
  job_store(caf::actor_system& system, const rpc_handle& rpc, const exec_site& site, const exec_address& at)
      : self_(system), rpc_(rpc), site_(site), at_(at) {}

  result<std::string> read_job() {
    rpc::key_request r;
    r.datacenter = site_.datacenter;
    r.key = exec_key(at_, "job");
    r.options.token = site_.token;
    // Any server will do; one that has not heard of it yet is not believed.
    for (bool stale : {true, false}) {
      r.options.allow_stale = stale;
      auto answer = call("KVS.Get", to_msgpack(r), true);
      if (!answer) return answer.err();
      rpc::entries_reply found;
      if (!from_msgpack(*answer, found)) return error{errc::corrupt, "malformed answer to KVS.Get"};
      if (!found.entries.empty()) return found.entries[0].value;
    }
    return error{errc::not_found, "job spec missing"};
  }
  status write(const std::string& key, const std::string& value) {
    kv_request r;
    r.datacenter = site_.datacenter;
    r.op = "lock";
    r.entry.key = key;
    r.entry.value = value;
    r.entry.session = at_.session;
    r.token = site_.token;
    auto answer = call("KVS.Apply", to_msgpack(r), false);
    if (!answer) return answer.err();
    if (bool written = false; !from_msgpack(*answer, written) || !written) return error{errc::conflict, "write failed"};
    return {};
  }

private:
  result<std::string> call(const char* method, std::string arguments, bool reads) {
    result<std::string> out = error{errc::internal, "no answer"};
    self_->request(rpc_, call_patience, rpc_call{method, std::move(arguments), nanos(call_patience), reads})
        .receive([&](rpc_answer& a) { a.failure.code == errc::none ? out = std::move(a.body) : out = std::move(a.failure); },
                 [&](caf::error&) { out = error{errc::no_leader, std::string(method) + ": rpc is gone or did not answer in time"}; });
    return out;
  }
  caf::scoped_actor self_;
  const rpc_handle& rpc_;
  const exec_site& site_;
  const exec_address& at_;
};

struct exec_run {
  job_store& store;
  const exec_site& site;
  const exec_address& at;
  const exec_job& job;
  const std::atomic<bool>& stop;
  exec_output pieces;
  uint32_t number = 0;
  uint64_t written = 0;
  bool given_up = false;

  // Sends what is due; false when nobody takes it any more.
  bool send() {
    while (!given_up && !stop.load()) {
      auto piece = pieces.next(now());
      if (!piece) return true;
      written += piece->size();
      auto done = store.write(exec_output_key(at, site.node, number++), *piece);
      if (!done) log::err("agent", "failed to write output for remote exec job: error=\"{}\"", done.err().text);
      if (written > most_output) log::err("agent", "remote exec job stopped: it has written more than {} bytes", most_output);
      given_up = !done || written > most_output;
    }
    return false;
  }
  int run(const net::child_command& command) {
    net::child_limits limits;
    limits.output = [this](std::string_view bytes) {
      pieces.add(bytes, now());
      send();
    };
    limits.stop = [this] { return stop.load() || !send(); };
    auto ran = net::run_child(command, {}, {}, limits);
    pieces.finish();
    if (!ran.failed_start.empty()) {
      log::debug("agent", "failed to start remote exec: error=\"{}\"", ran.failed_start);
      return failed_code;
    }
    if (!send() || stop.load()) return failed_code;
    return ran.exit_code;
  }
};

int execute(job_store& store, const exec_site& site, const exec_address& at, const exec_job& job, const std::atomic<bool>& stop) {
  std::unique_ptr<script_file> script;
  net::child_command command{job.args, false};
  if (!job.script.empty()) {
    script = std::make_unique<script_file>(job.script);
    if (script->path().empty()) return log::debug("agent", "failed to make tmp file"), failed_code;
  }
  if (job.args.empty()) command = {{script ? script->path() : job.command}, true};
  log::info("agent", "remote exec script: script={}", script ? script->path() : job.command);
  exec_run run{store, site, at, job, stop, exec_output(now(), job.wait)};
  return run.run(command);
}

} // namespace

remote_exec::~remote_exec() {
  stop_ = true;
  for (auto& j : jobs_) j.thread.join();
}

void remote_exec::gather() {
  for (auto j = jobs_.begin(); j != jobs_.end();) {
    if (!j->done.load()) {
      ++j;
      continue;
    }
    j->thread.join();
    j = jobs_.erase(j);
  }
}

void remote_exec::start(std::string payload) {
  gather();
  if (jobs_.size() >= most_jobs) return log::warn("agent", "remote exec refused: {} jobs run already", jobs_.size());
  auto& j = jobs_.emplace_back();
  auto t = start_thread("remote-exec", [this, &j, payload = std::move(payload)] {
    run(payload);
    j.done = true;
  });
  if (t) return void(j.thread = std::move(*t));
  log::err("agent", "remote exec refused: error=\"{}\"", t.err().text);
  jobs_.pop_back();
}

void remote_exec::run(const std::string& payload) {
  auto at = decode_exec_address(payload);
  if (!at) return log::err("agent", "failed to decode remote exec event: error=\"{}\"", at.err().text);
  job_store store(system_, rpc_, site_, *at);
  auto text = store.read_job();
  if (!text) return log::err("agent", "failed to get remote exec job: error=\"{}\"", text.err().text);
  auto spec = decode_exec_job(*text);
  if (!spec) return log::err("agent", "failed to decode remote exec spec: error=\"{}\"", spec.err().text);
  if (auto done = store.write(exec_key(*at, site_.node + "/ack"), {}); !done)
    return log::err("agent", "failed to ack remote exec job: error=\"{}\"", done.err().text);
  const int code = execute(store, site_, *at, *spec, stop_);
  if (stop_.load()) return; // this agent ends, and with it the way to the servers: whoever asked sees that no answer comes
  if (auto done = store.write(exec_key(*at, site_.node + "/exit"), std::to_string(code)); !done)
    log::err("agent", "failed to write exit code for remote exec job: error=\"{}\"", done.err().text);
}

} // namespace actord::events
