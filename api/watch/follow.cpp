#include "api/watch/follow.hpp"
#include <algorithm>

namespace actord::watch {
namespace {

struct look {
  result<std::string> view = std::string();
  uint64_t index = 0;
  std::string hash;
};

look ask(cli::http_client& client, const request& what, const cli::api_request& r, uint64_t seen) {
  look out;
  constexpr std::string_view states[] = {"", "any", "passing", "warning", "critical"};
  // Consul's client does not ask for others; its server would answer that there are none.
  if (what.type == "checks" && std::find(std::begin(states), std::end(states), what.state) == std::end(states))
    return out.view = error{errc::bad_request, "Unsupported state: " + what.state}, out;
  auto answer = client.send(r);
  if (!answer) return out.view = answer.err(), out;
  const bool key_value = r.path.starts_with("/v1/kv/");
  const bool absent = answer->code == 404 && key_value;
  if (answer->code != 200 && !absent) {
    auto text = "Unexpected response code: " + std::to_string(answer->code);
    out.view = error{errc::internal, key_value ? text : text + " (" + answer->body + ")"};
    return out;
  }
  out.index = answer->index;
  out.hash = answer->content_hash;
  out.view = render(what.type, answer->body, !absent, seen);
  return out;
}

// Waits longer after each failure in a row: 5 s times their number squared, three minutes at most (as Consul).
nanos pause_after(int64_t failures) { return std::chrono::seconds(std::min<int64_t>(5 * failures * failures, 180)); }

} // namespace

void follow(cli::http_client& client, const request& what, const cli::api_request& first, const hooks& h) {
  const bool by_hash = what.type == "agent_service", monotonic = what.type != "event";
  uint64_t index = 0;
  int64_t failures = 0;
  std::string last, hash;
  bool seen = false;
  while (!h.go_on || h.go_on()) {
    auto r = first;
    if (by_hash && !hash.empty()) r.query.emplace_back("hash", hash);
    else if (!by_hash && index > 0) r.query.emplace_back("index", std::to_string(index));
    auto now = ask(client, what, r, index);
    if (h.go_on && !h.go_on()) return;
    if (!now.view) {
      index = 0;
      hash.clear();
      if (!h.failed(now.view.err().text, pause_after(++failures))) return;
      continue;
    }
    failures = 0;
    if (seen && (by_hash ? now.hash == hash : now.index == index)) continue;
    hash = now.hash;
    // An index that went backwards means that the server's state was replaced: begin anew. That of events only says
    // which was the last.
    index = monotonic && now.index < index ? 0 : now.index;
    if (seen && *now.view == last) continue;
    seen = true;
    last = *now.view;
    if (!h.changed(now.index, last)) return;
  }
}

} // namespace actord::watch
