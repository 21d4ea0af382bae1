// Endpoints that read (api/endpoints) as the HTTP API shows them: arguments from a request's parameters, rows to JSON. A handler binds one
// with its arguments and hands it to exchange::read, which asks the state here, or on a client agent a server:
//
//   auto q = arguments_of<rpc::node_request>(x, o);
//   q.node = x.req.tail;
//   x.read(bind<endpoints::health::node_checks>(style, std::move(q), json_list<health_check>{}), o);
#pragma once
#include "api/dispatch/forward.hpp"
#include "api/endpoints/carry_out.hpp"
#include "api/endpoints/subject.hpp"
#include "api/http/handler.hpp"
#include "storage/state/read_view_long.hpp"

namespace actord::http {

// A read with its arguments, as it is kept while it waits, whatever the endpoint is. Unchanging, and usable in any thread.
class bound_read {
public:
  bound_read(std::string_view m, answer_style s) : method(m), style(s) {}
  virtual ~bound_read() = default;
  const std::string_view method; // of RPC
  const answer_style style;

  virtual const rpc::read_options& options() const = 0;
  virtual bool is_kept() const = 0;                         // whether there may be an index:
  virtual uint64_t index(const read_view& view) const = 0;  // that its answer would have; 0: its answer is not kept
  virtual uint64_t what() const = 0;                        // of long_memory; 0: it never takes long
  virtual status run(endpoints::look& at, response& out) const = 0;
  virtual std::shared_ptr<const bound_read> keep() const = 0; // for longer than the request
  // As a call to a server. `ask_leader`: whatever the options say.
  virtual std::string arguments(bool ask_leader) const = 0;
  // False when a server's answer does not decode.
  virtual bool show(std::string_view reply, response& out, rpc::reply_meta& meta) const = 0;
};

// The arguments that the parameters of every read give; the rest is the handler's to fill in.
rpc::read_options options_of(const query_options& o);
void fill_source(const environment& env, const query_options& o, rpc::query_source& source, std::string_view datacenter);

template <class Args> Args arguments_of(const exchange& x, const query_options& o) {
  Args a;
  if constexpr (requires { a.options; }) a.options = options_of(o);
  else if (!x.env.views.has_store()) a.token = o.token; // of a change that is passed on; what is written here names none
  if constexpr (requires { a.datacenter; }) a.datacenter = o.datacenter.empty() ? std::string_view(x.env.config.datacenter) : o.datacenter;
  if constexpr (requires { a.node_meta; })
    for (auto& [name, value] : o.node_meta) a.node_meta.emplace(name, value);
  if constexpr (requires { a.source; }) fill_source(x.env, o, a.source, a.datacenter);
  return a;
}

// ---- shapes: how an answer is written down ----------------------------------------------------------------------

// What an agent does to a row before it shows it, to lists that are never null and the like; false: it is left out.
struct as_it_is {
  static constexpr bool changes = false;
};

enum class when_none : uint8_t { list, absent, unknown }; // [], 404, 404 that tells nothing of the state

template <class Row, class Dress = as_it_is> struct json_list {
  using row = Row;
  when_none none = when_none::list;
  Dress dress{};

  class sink final : public endpoints::rows<Row> {
  public:
    sink(const json_list& how, response& out) : how_(how), out_(out), w_(out.begin_json()) { w_.begin_array(); }
    bool add(const Row& r) override {
      if constexpr (Dress::changes) return take(Row(r));
      else return write(r);
    }
    bool take(Row&& r) override {
      if constexpr (Dress::changes)
        if (!how_.dress(r)) return true;
      return write(r);
    }
    void finish() {
      w_.end_array();
      if (rows_ > 0 || how_.none == when_none::list) return;
      out_.empty(404);
      out_.meta.with_index = how_.none != when_none::unknown;
    }

  private:
    bool write(const Row& r) {
      json_encode(w_, r);
      return !bounded_read::stops_at(++rows_, out_.body.size());
    }
    const json_list& how_;
    response& out_;
    json_writer w_;
    size_t rows_ = 0;
  };
};

// ---- binding ----------------------------------------------------------------------------------------------------

template <const auto& Endpoint, class Shape> class endpoint_read final : public bound_read {
  using endpoint = std::remove_cvref_t<decltype(Endpoint)>;
  using args_type = typename endpoint::arguments;
  using kind = typename endpoint::kind;

public:
  endpoint_read(answer_style s, args_type a, Shape how) : bound_read(Endpoint.name, s), args_(std::move(a)), how_(std::move(how)) {
    if (!Endpoint.waits) args_.options.min_query_index = 0;
  }
  const rpc::read_options& options() const override { return args_.options; }
  bool is_kept() const override {
    if constexpr (requires { args_.source; })
      if (!args_.source.node.empty()) return false; // coordinates have no part in an answer's index
    return Endpoint.index != nullptr;
  }
  uint64_t index(const read_view& view) const override { return Endpoint.index(args_, view); }
  uint64_t what() const override {
    if (Endpoint.name == "KVS.Get") return 0;
    return endpoints::subject_of(args_) ^ reinterpret_cast<uintptr_t>(&Endpoint);
  }
  status run(endpoints::look& at, response& out) const override {
    if constexpr (kind::is_rows) {
      typename Shape::sink to(how_, out);
      auto done = endpoints::carry_out(Endpoint, args_, at, static_cast<endpoints::rows<typename kind::row>&>(to));
      if (done.ok()) to.finish();
      return done;
    } else {
      typename endpoint::answer found;
      auto done = endpoints::carry_out(Endpoint, args_, at, found);
      if (done.ok()) how_.write(out, found);
      return done;
    }
  }
  std::shared_ptr<const bound_read> keep() const override { return std::make_shared<endpoint_read>(*this); }
  std::string arguments(bool ask_leader) const override {
    if (!ask_leader || !args_.options.allow_stale) return to_msgpack(args_);
    auto a = args_;
    a.options.allow_stale = false;
    return to_msgpack(a);
  }
  bool show(std::string_view reply, response& out, rpc::reply_meta& meta) const override {
    if constexpr (kind::is_rows) {
      typename Shape::sink to(how_, out);
      const bool whole = dispatch::take_reply(Endpoint, reply, static_cast<endpoints::rows<typename kind::row>&>(to), meta);
      if (whole) to.finish();
      return whole;
    } else {
      typename endpoint::answer found;
      const bool whole = dispatch::take_reply(Endpoint, reply, found, meta);
      if (whole) how_.write(out, found);
      return whole;
    }
  }

private:
  args_type args_;
  Shape how_;
};

template <const auto& Endpoint, class Shape> auto bind(answer_style s, typename std::remove_cvref_t<decltype(Endpoint)>::arguments a, Shape how) {
  return endpoint_read<Endpoint, Shape>(s, std::move(a), std::move(how));
}

} // namespace actord::http
