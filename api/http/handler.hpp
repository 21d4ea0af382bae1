// What a handler of an HTTP path gets and returns. Handlers run in a loop's thread and never block: they answer from the
// state (exchange::read), change it (`write`, api/http/write.hpp), ask an actor or a server (`ask`, api/http/ask.hpp), or answer later
// (exchange::defer), say after an actor of this agent replied.
//
//   void agent_join(exchange& x) {                       // a row of a table of routes points here
//     if (x.req.tail.empty()) return x.out.text(400, "Missing address");
//     auto later = x.defer();
//     x.env.self->request(x.env.agent, caf::infinite, …).then(
//         [later](agent_done& d) { later.answer([&](response& out) { if (d.failure.code != errc::none) out.fail(d.failure); }); },
//         [later](caf::error&) { later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
//   }
//
// A handler that returns without any of the three has answered with x.out (200 and no body unless it filled it in).
#pragma once
#include "actors/interfaces/agent.hpp"
#include "actors/interfaces/watch.hpp"
#include "api/dispatch/site.hpp"
#include "api/http/core/query_options.hpp"
#include "api/http/core/request.hpp"
#include "api/http/core/response.hpp"
#include "storage/command/apply_result.hpp"
#include "storage/state/read_view.hpp"
#include <functional>
#include <memory>
#include <span>

namespace actord {
class agent_board; // actors/agent: what the local agent publishes for readers; null in tests that need none
}

namespace actord::http {

class front;      // one per loop; api/http/front.hpp
class connection; // api/http/connection.hpp

// What handlers of one loop use. References live as long as the server.
struct environment : dispatch::site {
  caf::actor_system& system;
  net::io_loop& loop; // this thread's
  agent_handle agent;
  std::shared_ptr<const agent_board> board;
  reader& views;      // open one view at a time and let it go before returning
  front& owner;
};

// What an answer from the state has besides its body.
struct answer_style {
  bool send_consistency = false; // X-Consul-Effective-Consistency (catalog, health)
  bool honours_cached = false;   // ?cached: X-Cache
  bool meta_on_error = false;    // Consul's deferred setMeta: index 1 and no known leader on errors (catalog, health)
  bool plain = false;            // operator/: no X-Consul headers, no waiting
  bool tells_index = true;
};
class bound_read; // an endpoint that reads, with its arguments: api/http/read.hpp

// How a change is answered (api/http/write.hpp). `of`: what was changed, where the handler said it.
struct write_row {
  const std::string_view* method; // of RPC
  void (*applied)(const apply_result&, std::string_view of, response&);
  void (*replied)(std::string_view reply, std::string_view of, response&); // by a server, to a client agent
};

// A request that is answered later. Copyable; used in the loop's thread only. Does nothing when the client has gone.
class deferred {
public:
  deferred(std::weak_ptr<connection> c, uint64_t serial) : conn_(std::move(c)), serial_(serial) {}
  bool alive() const;
  uint64_t source() const; // of the connection
  // Fills in and sends. Only the first call counts.
  void answer(const std::function<void(response&)>& fill) const;
  // An endless answer (agent/monitor): the head, then pieces, then end(). HTTP/1.1 gets chunks. write() is false when
  // the client has gone; a client that does not read is cut off after 4 MiB.
  void begin_stream(std::string_view static_content_type) const;
  bool write(std::string_view piece) const;
  void end() const;

private:
  std::weak_ptr<connection> conn_;
  uint64_t serial_; // which request of the connection
};

class exchange {
public:
  const request& req;
  const environment& env;
  response& out;

  // Consistency, token, dc, wait and so on; false when the request has been answered with an error.
  bool options(query_options& o);
  // The same of a read whose answer is like this: discovery_max_stale may say how old it may be.
  bool options(query_options& o, const answer_style& s);
  // Answers from the state, waiting when the request asks for that.
  void read(const bound_read& r, const query_options& o);
  // Hands a command to Raft and answers when it was applied; on a client agent, the arguments of a call to a server.
  void propose(std::string bytes, const write_row& row, std::string_view of);
  deferred defer();
  // The same of what waits for a change that may be minutes away: it ends when the client says that it will ask no more.
  deferred defer_until_change();

  exchange(const request& r, const environment& e, response& o, connection& c) : req(r), env(e), out(o), conn_(c) {}

private:
  connection& conn_;
};
using handler_fn = void (*)(exchange&);

// One row per path. A pattern that ends in "/" is a prefix: the rest of the path is req.tail.
inline constexpr uint8_t GET = 1, POST = 2, PUT = 4, DELETE = 8;
struct route {
  std::string_view pattern;
  uint8_t methods; // others are answered with 405 before the handler; OPTIONS always is
  handler_fn handler;
};
// The rows under /v1/agent/ (api/http/handlers/agent_routes.cpp); all_routes() of api/http/routes.hpp has all.
std::span<const route> agent_routes();

} // namespace actord::http
