// watch: one look at a view, or a child run at every change of it.
#include "api/cli/commands/groups.hpp"
#include "api/watch/follow.hpp"
#include "runtime/base/json_writer.hpp"
#include "runtime/net/child.hpp"
#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <fmt/format.h>
#include <thread>
#include <unistd.h>

namespace actord::cli {
namespace {

std::atomic<pid_t> child_now{0};

// The child may want to know as well.
void leave_quietly(int signal) {
  if (const pid_t child = child_now; child > 0) ::kill(child, signal);
  ::_exit(0);
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

// Every new view goes to the child, the first one to stdout when there is none.
int follow_view(invocation& in, http_client& client, const api_request& first, const watch::request& w, const net::child_command& child) {
  int code = 0;
  watch::hooks h;
  h.changed = [&](uint64_t index, const std::string& view) {
    if (child.words.empty()) {
      in.line(json_pretty(view, "    ", false));
      return false;
    }
    auto ran = net::run_child(child, {"CONSUL_INDEX=" + std::to_string(index)}, view + "\n", {.started = [](pid_t pid) { child_now = pid; }});
    if (!ran.failed_start.empty()) code = in.fail("Error starting handler: " + ran.failed_start);
    else if (!ran.failed_end.empty()) code = in.fail("Error executing handler: " + ran.failed_end);
    return code == 0;
  };
  h.failed = [&](const std::string& why, nanos retry) {
    in.error(log_time() + " [ERROR] watch.watch: Watch errored: type=" + w.type + " error=\"" + why + "\" retry=" + format_duration(retry));
    std::this_thread::sleep_for(retry);
    return true;
  };
  watch::follow(client, w, first, h);
  return code;
}

int run_watch(invocation& in) {
  watch::request w;
  auto& f = in.flags;
  w.type = f.text("type");
  w.key = f.text("key");
  w.prefix = f.text("prefix");
  w.service = f.text("service");
  w.state = f.text("state");
  w.tags = f.all("tag");
  w.name = f.text("name");
  if (w.type.empty()) return in.fail_with_help("Watch type must be specified");
  if (auto text = f.text("passingonly"); !text.empty()) {
    w.has_passing_only = true;
    if (!parse_go_bool(text, w.passing_only))
      return in.fail("Failed to parse passingonly flag: strconv.ParseBool: parsing \"" + text + "\": invalid syntax");
  }
  for (const char* type : {"connect_roots", "connect_leaf", "connect_proxy_config", "agent_service"})
    if (w.type == type) return in.fail("Type " + w.type + " is not supported in the CLI tool");
  auto plan = watch::plan(w);
  if (!plan) return in.fail(plan.err().text);
  for (auto& pair : in.query())
    if (pair.first != "ns") plan->query.push_back(pair);
  auto client = in.connect();
  if (!client) return 1;
  if (auto self = client->call({.path = "/v1/agent/self"}); !self) return in.fail("Error querying Consul agent: " + self.err().text);
  // A stop while waiting for a change is the ordinary end; a child that closes its input early is its own affair.
  ::signal(SIGINT, leave_quietly);
  ::signal(SIGTERM, leave_quietly);
  for (int ignored : {SIGPIPE, SIGUSR1, SIGUSR2}) ::signal(ignored, SIG_IGN);
  return follow_view(in, *client, *plan, w, {in.args(), f.boolean("shell", true)});
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
                 text_flag("type", "What to watch: key, keyprefix, services, nodes, service, checks or event.")},
                run_watch});
}

} // namespace actord::cli
