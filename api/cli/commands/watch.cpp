// watch: one look at a view, or a child run at every change of it.
#include "api/cli/commands/groups.hpp"
#include "api/cli/commands/watch_view.hpp"
#include "api/cli/link.hpp"
#include "runtime/base/json_writer.hpp"
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace actord::cli {
namespace {

void leave_quietly(int) { ::_exit(0); }

struct child_command {
  std::vector<std::string> words;
  bool shell = true;
};

// Feeds the child until it has all or closes its end.
void feed(int fd, std::string_view text) {
  while (!text.empty()) {
    auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.remove_prefix(static_cast<size_t>(n));
  }
  ::close(fd);
}

// "" when it ran and ended with 0, else Consul's line about it. `started` pipes the errno of a failed exec.
std::string run_child(const child_command& c, const std::string& input, uint64_t index) {
  std::vector<std::string> words = c.words;
  if (c.shell) {
    std::string line;
    for (auto& w : c.words) line += (line.empty() ? "" : " ") + w;
    const char* shell = std::getenv("SHELL");
    words = {shell && *shell ? shell : "/bin/sh", "-c", line};
  }
  std::vector<char*> argv;
  for (auto& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  ::setenv("CONSUL_INDEX", std::to_string(index).c_str(), 1);
  int in[2], started[2];
  if (::pipe2(in, O_CLOEXEC) != 0) return "Error starting handler: pipe: " + go_errno_text(errno);
  if (::pipe2(started, O_CLOEXEC) != 0) return ::close(in[0]), ::close(in[1]), "Error starting handler: pipe: " + go_errno_text(errno);
  pid_t pid = ::fork();
  if (pid == 0) {
    ::signal(SIGPIPE, SIG_DFL);
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    ::dup2(in[0], STDIN_FILENO);
    ::execvp(argv[0], argv.data());
    int why = errno;
    [[maybe_unused]] auto told = ::write(started[1], &why, sizeof why);
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(started[1]);
  int why = 0;
  if (pid < 0) why = errno;
  else if (::read(started[0], &why, sizeof why) != sizeof why) why = 0;
  ::close(started[0]);
  if (why != 0) ::close(in[1]);
  else feed(in[1], input);
  int state = 0;
  while (pid > 0 && ::waitpid(pid, &state, 0) < 0 && errno == EINTR) {}
  if (why != 0) return "Error starting handler: fork/exec " + words[0] + ": " + go_errno_text(why);
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return {};
  if (WIFSIGNALED(state)) return std::string("Error executing handler: signal: ") + ::strsignal(WTERMSIG(state));
  return "Error executing handler: exit status " + std::to_string(WEXITSTATUS(state));
}

std::string log_time() {
  using namespace std::chrono;
  auto now = time_point_cast<milliseconds>(system_clock::now());
  std::time_t seconds = system_clock::to_time_t(now);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min, utc.tm_sec, now.time_since_epoch().count() % 1000);
}

// Waits longer after each failure in a row: 5 s times their number squared, three minutes at most (as Consul).
void wait_after_failure(const invocation& in, const std::string& type, const std::string& why, int failures) {
  auto pause = std::min<int64_t>(5 * int64_t(failures) * failures, 180);
  in.error(log_time() + " [ERROR] watch.watch: Watch errored: type=" + type + " error=\"" + why +
           "\" retry=" + format_duration(std::chrono::seconds(pause)));
  std::this_thread::sleep_for(std::chrono::seconds(pause));
}

// Repeats the request; every new view goes to the child, the first one to stdout when there is none.
int follow(invocation& in, http_client& client, api_request r, const watch_request& w, const child_command& child) {
  uint64_t index = 0;
  int failures = 0;
  std::string last;
  bool seen = false;
  auto plain = r.query;
  for (;;) {
    r.query = plain;
    if (index > 0) r.query.emplace_back("index", std::to_string(index));
    auto answer = client.send(r);
    bool absent = answer && answer->code == 404 && r.path.starts_with("/v1/kv/");
    result<std::string> view = std::string();
    if (!answer) view = answer.err();
    else if (answer->code != 200 && !absent)
      view = error{errc::internal, r.path.starts_with("/v1/kv/")
                                       ? "Unexpected response code: " + std::to_string(answer->code)
                                       : "Unexpected response code: " + std::to_string(answer->code) + " (" + answer->body + ")"};
    else view = render_watch(w.type, answer->body, !absent);
    if (!view) {
      index = 0;
      wait_after_failure(in, w.type, view.err().text, ++failures);
      continue;
    }
    failures = 0;
    // An index that went backwards means that the server's state was replaced: begin anew.
    if (seen && answer->index == index) continue;
    index = answer->index < index ? 0 : answer->index;
    if (seen && *view == last) continue;
    seen = true;
    last = *view;
    if (child.words.empty()) {
      in.line(json_pretty(*view, "    ", false));
      return 0;
    }
    if (auto failed = run_child(child, *view + "\n", index); !failed.empty()) return in.fail(failed);
  }
}

int run_watch(invocation& in) {
  watch_request w;
  auto& f = in.flags;
  w.type = f.text("type");
  w.key = f.text("key");
  w.prefix = f.text("prefix");
  w.service = f.text("service");
  w.state = f.text("state");
  w.tags = f.all("tag");
  w.has_name = !f.text("name").empty();
  if (w.type.empty()) return in.fail_with_help("Watch type must be specified");
  if (auto text = f.text("passingonly"); !text.empty()) {
    w.has_passing_only = true;
    if (!parse_go_bool(text, w.passing_only))
      return in.fail("Failed to parse passingonly flag: strconv.ParseBool: parsing \"" + text + "\": invalid syntax");
  }
  auto plan = plan_watch(w);
  if (!plan) return in.fail(plan.err().text);
  for (auto& pair : in.query())
    if (pair.first != "ns") plan->query.push_back(pair);
  auto client = in.connect();
  if (!client) return 1;
  if (auto self = client->call({.path = "/v1/agent/self"}); !self) return in.fail("Error querying Consul agent: " + self.err().text);
  // A stop while waiting for a change is the ordinary end; a child that closes its input early is its own affair.
  ::signal(SIGINT, leave_quietly);
  ::signal(SIGTERM, leave_quietly);
  ::signal(SIGPIPE, SIG_IGN);
  return follow(in, *client, std::move(*plan), w, {in.args(), f.boolean("shell", true)});
}

} // namespace

void add_watch_command(command_list& to) {
  to.push_back({"watch", "Watch for changes in Consul", "[options] [child...]",
                "  Follows a view of the data. With a child command, the child is run at once and\n"
                "  after every change, with the view as JSON on its standard input and the index in\n"
                "  CONSUL_INDEX. Without one, the present view is printed.\n\n"
                "  -type is required; each type takes the flags that name it.\n\n"
                "      $ consul watch -type=key -key=app/limit ./changed.sh",
                client_and_server,
                {text_flag("key", "Key to watch, for type key."), text_flag("name", "Event to watch, for type event."),
                 text_flag("passingonly", "Only instances whose checks all pass, for type service.", "[true|false]"),
                 text_flag("prefix", "Prefix to watch, for type keyprefix."), text_flag("service", "Service to watch, for types service and checks."),
                 flag_spec{.name = "shell", .kind = flag_kind::boolean, .help = "Run the child through $SHELL (or /bin/sh).", .shown_default = "true"},
                 text_flag("state", "State to watch, for type checks."),
                 flag_spec{.name = "tag", .kind = flag_kind::repeated, .help = "Tag that instances must have, for type service. May be repeated.", .value_word = "value"},
                 text_flag("type", "What to watch: key, keyprefix, services, nodes, service or checks.")},
                run_watch});
}

} // namespace actord::cli
