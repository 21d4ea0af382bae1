// lock: a child that runs while a lock or a place in a semaphore is held.
#include "api/cli/commands/groups.hpp"
#include "api/cli/held_lock.hpp"
#include "api/cli/signal_watch.hpp"
#include "runtime/base/thread_start.hpp"
#include "runtime/net/child.hpp"
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace actord::cli {
namespace {

constexpr auto grace = std::chrono::seconds(5); // between SIGTERM and SIGKILL for the child

// What may happen while the child runs; whoever comes first counts.
struct happenings {
  std::mutex lock;
  std::condition_variable wake;
  bool shutdown = false, lost = false, ended = false;
  int end = 0; // of the child, as waitpid gives it
  pid_t child = 0; // while it runs

  void note(bool happenings::*what) {
    {
      std::lock_guard hold(lock);
      this->*what = true;
    }
    wake.notify_all();
  }
};

struct lock_run {
  invocation& in;
  std::unique_ptr<http_client> client, monitor_client;
  std::unique_ptr<kept_session> session;
  std::unique_ptr<held_lock> lock;
  bool verbose = false;
  happenings now = {};
  std::atomic<bool> stop{false};

  void say(const std::string& text) const {
    if (verbose) in.line(text);
  }
};

result<pid_t> start_handler(lock_run& r) {
  auto& f = r.in.flags;
  r.say("Starting handler");
  net::child_streams streams;
  if (f.boolean("pass-stdin")) {
    r.say("Stdin passed to handler process");
    streams.input = STDIN_FILENO;
  }
  auto& args = r.in.args();
  return net::start_child({{args.begin() + 1, args.end()}, f.boolean("shell", true)}, {"CONSUL_LOCK_HELD=true"}, streams, [&r] { return r.stop.load(); });
}

void kill_child(lock_run& r, pid_t pid) {
  r.say("Terminating child pid " + std::to_string(pid));
  std::unique_lock hold(r.now.lock);
  if (!r.now.ended) ::kill(pid, SIGTERM);
  if (r.now.wake.wait_for(hold, grace, [&] { return r.now.ended; })) return r.say("Child terminated");
  r.say("Child did not exit after grace period of 5s");
  r.say("Killing child pid " + std::to_string(pid));
  ::kill(pid, SIGKILL);
}

// Runs the child while the lock is ours; 2 when the child failed.
int hold_and_run(lock_run& r) {
  auto pid = start_handler(r);
  if (pid) {
    std::lock_guard hold(r.now.lock);
    r.now.child = *pid;
  } else {
    r.in.error("Error starting handler: " + pid.err().text);
    r.say("Child terminated, releasing lock");
    return 2;
  }
  auto waiter = start_thread("waiter", [&r, pid = *pid] {
    // Its number stays its own until nobody can signal it any more.
    siginfo_t how{};
    while (::waitid(P_PID, static_cast<id_t>(pid), &how, WEXITED | WNOWAIT) < 0 && errno == EINTR) {}
    r.now.note(&happenings::ended);
    int state = 0;
    while (::waitpid(pid, &state, 0) < 0 && errno == EINTR) {}
    r.now.end = state;
  });
  if (!waiter) {
    ::kill(*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    r.in.error(waiter.err().text);
    return 2;
  }
  auto monitor = start_thread("monitor", [&r, id = r.session->id(), more = r.in.query()] {
    kv_access kv(*r.monitor_client, more);
    r.lock->await_loss(kv, id, r.stop);
    r.now.note(&happenings::lost);
  });
  if (!monitor) {
    r.in.error(monitor.err().text);
    r.now.note(&happenings::lost); // nobody would see it
  }
  bool ended_by_itself = false;
  {
    std::unique_lock hold(r.now.lock);
    r.now.wake.wait(hold, [&] { return r.now.shutdown || r.now.lost || r.now.ended; });
    ended_by_itself = r.now.ended;
    if (!ended_by_itself) r.say(r.now.shutdown ? "Shutdown triggered, killing child" : "Lock lost, killing child");
  }
  if (!ended_by_itself) kill_child(r, *pid);
  waiter->join();
  r.stop = true;
  r.monitor_client->interrupt();
  if (monitor) monitor->join();
  auto end = net::end_of_child(r.now.end);
  if (!end.empty()) r.in.error("Error running handler: " + end);
  if (!ended_by_itself) return 0;
  r.say("Child terminated, releasing lock");
  return end.empty() ? 0 : 2;
}

int release_and_clean(lock_run& r, kv_access& kv) {
  if (auto done = r.lock->release(kv, r.session->id()); !done) return r.in.fail("Lock release failed: " + done.err().text);
  r.session->end();
  auto cleaned = r.lock->clean(kv);
  if (!cleaned && cleaned.err().code != errc::conflict) return r.in.fail("Lock cleanup failed: " + cleaned.err().text);
  r.say(cleaned ? "Cleanup succeeded" : "Cleanup aborted, lock in use");
  return 0;
}

int acquire_and_run(lock_run& r) {
  kv_access kv(*r.client, r.in.query());
  r.say("Attempting lock acquisition");
  auto got = r.lock->acquire(kv, r.session->id(), r.stop);
  if (r.stop.load() || (got && !*got)) {
    if (got && *got) r.in.error("Shutdown triggered during lock acquisition");
    else r.in.error("Shutdown triggered or timeout during lock acquisition");
    return 1; // the session's end frees whatever was got
  }
  if (!got) return r.in.fail("Lock acquisition failed: " + got.err().text);
  const int child = hold_and_run(r);
  // A shutdown has interrupted the client that acquired; what is left to do gets a new one.
  auto fresh = r.in.connect();
  if (!fresh) return 1;
  kv_access last(*fresh, r.in.query());
  if (int code = release_and_clean(r, last); code != 0) return code;
  return r.in.flags.boolean("child-exit-code") ? child : 0;
}

nanos timeout_of(const parsed_flags& f) {
  nanos out{0};
  for (auto& [name, value] : f.in_order) // -try is the old name of the same setting: the last one counts
    if (name == "timeout" || name == "try")
      if (auto d = parse_duration(value)) out = *d;
  return out;
}

int run_lock(invocation& in) {
  auto& f = in.flags;
  lock_wish wish;
  wish.holders = f.integer("n", 1);
  if (wish.holders <= 0) return in.fail("Lock holder limit must be positive");
  if (in.args().size() < 2) return in.fail("Key prefix and child command must be specified");
  wish.prefix = in.args()[0].substr(in.args()[0].starts_with('/') ? 1 : 0);
  wish.timeout = timeout_of(f);
  if (wish.timeout < nanos(0)) return in.fail("Timeout must be positive");
  wish.session_name = f.text("name");
  if (wish.session_name.empty()) {
    std::string child;
    for (size_t i = 1; i < in.args().size(); ++i) child += (i > 1 ? " " : "") + in.args()[i];
    wish.session_name = "Consul lock for '" + child + "' at '" + wish.prefix + "'";
  }
  while (wish.prefix.ends_with('/')) wish.prefix.pop_back();
  wish.monitor_retries = f.integer("monitor-retry", 3);
  if (wish.monitor_retries < 0) return in.fail("Number for 'monitor-retry' must be >= 0");
  lock_run r{.in = in, .client = in.connect(), .monitor_client = nullptr, .session = nullptr, .lock = nullptr, .verbose = f.boolean("verbose")};
  if (!r.client) return 1;
  if (auto self = r.client->call({.path = "/v1/agent/self"}); !self) return in.fail("Error querying Consul agent: " + self.err().text);
  r.monitor_client = in.connect();
  auto session_client = in.connect();
  if (!r.monitor_client || !session_client) return 1;
  r.say(wish.holders == 1 ? "Setting up lock at path: " + (wish.prefix.empty() ? "" : wish.prefix + "/") + ".lock"
                          : "Setting up semaphore (limit " + std::to_string(wish.holders) + ") at prefix: " + wish.prefix);
  r.lock = held_lock::make(wish);
  // Before any thread is started: those that would be started earlier could be chosen to take the signal.
  signal_watch signals({SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}, [&r](int signal) {
    if (signal == SIGUSR1 || signal == SIGUSR2) return;
    std::lock_guard hold(r.now.lock);
    // The child sees an interrupt as such, and is asked to end after that like by any other shutdown.
    if (signal == SIGINT && r.now.child > 0 && !r.now.ended) ::kill(r.now.child, SIGINT);
    r.now.shutdown = true;
    r.stop = true;
    r.client->interrupt();
    r.now.wake.notify_all();
  });
  auto session = kept_session::begin(std::move(session_client), in.query(), r.lock->session_spec(), std::chrono::milliseconds(7500));
  if (!session) {
    r.say("Attempting lock acquisition");
    return in.fail("Lock acquisition failed: failed to create session: " + session.err().text);
  }
  r.session = std::move(*session);
  const int code = acquire_and_run(r);
  r.session->end();
  return code;
}

} // namespace

void add_lock_command(command_list& to) {
  auto number = [](const char* name, const char* help) {
    return flag_spec{.name = name, .kind = flag_kind::integer, .help = help, .value_word = "int"};
  };
  auto time = [](const char* name, const char* help) {
    return flag_spec{.name = name, .kind = flag_kind::duration, .help = help, .value_word = "duration"};
  };
  to.push_back({"lock", "Execute a command holding a lock", "[options] prefix child...",
                "  Waits until it holds the lock below the prefix, runs the child, and gives the lock\n"
                "  back when the child has ended. A child that outlives the lock gets SIGTERM, and\n"
                "  SIGKILL five seconds later. CONSUL_LOCK_HELD=true is in its environment.\n\n"
                "  With -n above 1 the lock is a semaphore that so many hold at a time.",
                client_and_server,
                {bool_flag("child-exit-code", "Exit with 2 when the child failed."),
                 number("monitor-retry", "How often, a second apart, to look again when the agent says 500, before the lock counts as lost; 3 by default."),
                 number("n", "How many may hold it at a time; 1 by default."), text_flag("name", "Name of the session; says what runs where by default."),
                 bool_flag("pass-stdin", "Let the child read our standard input."),
                 flag_spec{.name = "shell", .kind = flag_kind::boolean, .help = "Run the child through $SHELL (or /bin/sh).", .shown_default = "true"},
                 time("timeout", "Give up when it is not held after this time, as in 1s or 3h; 0 waits for ever."),
                 time("try", "The old name of -timeout."), bool_flag("verbose", "Say what happens.")},
                run_lock});
}

} // namespace actord::cli
