// User events: fired through a server, listed from what this agent has heard.
#include "actors/events/core/wire.hpp"
#include "actors/events/event_board.hpp"
#include "api/http/ask.hpp"
#include "api/http/routes.hpp"
#include <sys/random.h>

namespace actord::http {
namespace {

constexpr nanos longest_wait = std::chrono::seconds(600);
constexpr size_t most_event_bytes = 512; // of any event that is spread, by serf's limit
constexpr nanos longest_ask = std::chrono::seconds(10); // how long the actor keeps who waited for a client that has gone

std::string fresh_id() {
  unsigned char bytes[16] = {};
  for (size_t have = 0; have < sizeof bytes;) {
    auto n = ::getrandom(bytes + have, sizeof bytes - have, 0);
    if (n > 0) have += static_cast<size_t>(n);
  }
  return events::format_uuid(bytes);
}

// A GET of the list that waits for another index. In the loop's thread only.
struct list_wait {
  deferred later;
  std::shared_ptr<const event_board> board;
  net::loop_actor_ptr self;
  std::string name;
  uint64_t index;
  net::io_loop::clock::time_point until;
};

void write_list(response& out, const events::event_list& list) {
  auto w = out.begin_json();
  w.begin_array();
  for (auto& e : list) json_encode(w, *e);
  w.end_array();
  out.header("X-Consul-Index", std::to_string(events::index_of(list)));
}

void look_or_wait(std::shared_ptr<list_wait> wait) {
  if (!wait->later.alive()) return;
  auto view = wait->board->look();
  auto list = events::named(*view.events, wait->name);
  const auto left = std::chrono::duration_cast<nanos>(wait->until - net::io_loop::clock::now());
  if (events::index_of(list) != wait->index || left <= nanos(0) || !wait->board->actor)
    return wait->later.answer([&](response& out) { write_list(out, list); });
  auto* self = wait->self.get();
  self->request(wait->board->actor, caf::infinite, event_wait{view.number, std::min(left, longest_ask)})
      .then([wait](event_turn) { look_or_wait(wait); },
            [wait](const caf::error&) { wait->later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
}

} // namespace

void event_fire(exchange& x) {
  user_event_record e;
  e.name = x.req.tail;
  if (e.name.empty()) return x.out.text(400, "Missing name");
  e.node_filter = x.req.param("node");
  e.service_filter = x.req.param("service");
  e.tag_filter = x.req.param("tag");
  // What is too large is refused for that where it is fired; its filters are not compiled here, nor all of it copied.
  const bool fits = e.name.size() + e.node_filter.size() + e.service_filter.size() + e.tag_filter.size() + x.req.body.size() <= most_event_bytes;
  e.payload = std::string_view(x.req.body).substr(0, most_event_bytes);
  for (auto* filter : {&e.node_filter, &e.service_filter, &e.tag_filter}) filter->resize(std::min(filter->size(), most_event_bytes));
  if (fits)
    if (auto ok = events::check_event(e); !ok) return x.out.fail(ok.err());
  e.id = fresh_id();
  rpc::event_fire_request r;
  r.datacenter = x.req.param("dc").empty() ? x.env.config.datacenter : std::string(x.req.param("dc"));
  r.name = e.name;
  r.payload = events::encode_event(e);
  r.options.allow_stale = true;
  r.options.token = parse_token(x.req);
  ask(x, dispatch::fire_event, std::move(r), [e](const rpc::meta_reply&, response& out) { out.json_of(e); });
}

void event_list(exchange& x) {
  query_options o;
  if (!parse_query_options(x.req, o, x.out)) return;
  auto& board = x.env.cluster.events;
  const std::string name(x.req.param("name"));
  auto now = board ? events::named(*board->look().events, name) : events::event_list();
  // The index is of the last event's id, so that nothing but "the same" can be said about two of them.
  if (!board || o.min_index == 0 || events::index_of(now) != o.min_index) return write_list(x.out, now);
  const auto patience = o.wait == nanos(0) ? longest_wait : std::min(o.wait, longest_wait);
  look_or_wait(std::make_shared<list_wait>(
      list_wait{x.defer_until_change(), board, x.env.self, name, o.min_index, net::io_loop::clock::now() + patience}));
}

} // namespace actord::http
