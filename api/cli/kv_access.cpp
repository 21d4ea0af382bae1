#include "api/cli/kv_access.hpp"
#include "api/cli/json_read.hpp"
#include "runtime/base/thread_start.hpp"

namespace actord::cli {

result<api_response> kv_access::send(api_request r) {
  for (auto& pair : more_) r.query.push_back(pair);
  return client_.send(r);
}

result<kv_look> kv_access::read(const std::string& key, query_list query, const kv_wait& wait) {
  if (wait.index > 0) query.emplace_back("index", std::to_string(wait.index));
  if (wait.patience > nanos(0))
    query.emplace_back("wait", std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(wait.patience).count()) + "ms");
  if (wait.consistent) query.emplace_back("consistent", "");
  auto answer = send({.path = "/v1/kv/" + key, .query = std::move(query)});
  if (!answer) return answer.err();
  kv_look out;
  out.index = answer->index;
  if (answer->code == 404) return out;
  if (answer->code != 200) return error{errc::internal, "Unexpected response code: " + std::to_string(answer->code)};
  auto doc = read_answer(answer->body, json_shape::list);
  if (!doc) return doc.err();
  if (!doc->root().IsArray()) return out;
  for (auto& n : doc->root().GetArray()) {
    kv_pair p;
    p.key = text(n, "Key");
    p.session = text(n, "Session");
    if (const auto* m = member(n, "Flags"); m && m->IsUint64()) p.flags = m->GetUint64();
    p.modify_index = static_cast<uint64_t>(number(n, "ModifyIndex"));
    if (!decode_base64(text(n, "Value"), p.value)) return error{errc::corrupt, "illegal base64 data in the value of " + p.key};
    out.pairs.push_back(std::move(p));
  }
  return out;
}

result<kv_look> kv_access::get(const std::string& key, const kv_wait& wait) { return read(key, {}, wait); }
result<kv_look> kv_access::list(const std::string& prefix, const kv_wait& wait) { return read(prefix, {{"recurse", ""}}, wait); }

static result<bool> yes_or_no(const result<api_response>& answer) {
  if (!answer) return answer.err();
  if (answer->code != 200)
    return error{errc::internal, "Unexpected response code: " + std::to_string(answer->code) + " (" + answer->body + ")"};
  return answer->body.find("true") != std::string::npos;
}

result<bool> kv_access::put(const kv_pair& pair, const query_list& how) {
  api_request r{.method = "PUT", .path = "/v1/kv/" + pair.key, .query = how, .body = pair.value};
  if (pair.flags != 0) r.query.emplace_back("flags", std::to_string(pair.flags));
  return yes_or_no(send(std::move(r)));
}

result<bool> kv_access::remove(const std::string& key, const query_list& how) {
  return yes_or_no(send({.method = "DELETE", .path = "/v1/kv/" + key, .query = how}));
}

// ---- session ---------------------------------------------------------------------------------------------------

result<std::unique_ptr<kept_session>> kept_session::begin(std::unique_ptr<http_client> client, const query_list& more, std::string spec,
                                                          nanos renew_every, std::function<void(const std::string&)> on_failure) {
  auto answer = client->call({.method = "PUT", .path = "/v1/session/create", .query = more, .body = std::move(spec)});
  if (!answer) return answer.err();
  auto doc = read_answer(answer->body, json_shape::object);
  if (!doc) return doc.err();
  std::unique_ptr<kept_session> made(new kept_session);
  made->id_ = text(doc->root(), "ID");
  made->client_ = std::move(client);
  made->more_ = more;
  made->every_ = renew_every;
  made->on_failure_ = std::move(on_failure);
  auto t = start_thread("renewal", [s = made.get()] { s->renew(); });
  if (!t) return t.err();
  made->thread_ = std::move(*t);
  return made;
}

// Goes on after a failure, every second: whoever holds something by the session sees for himself when it is lost.
void kept_session::renew() {
  std::unique_lock hold(lock_);
  auto pause = every_;
  while (!wake_.wait_for(hold, pause, [this] { return ended_; })) {
    hold.unlock();
    auto answer = client_->call({.method = "PUT", .path = "/v1/session/renew/" + id_, .query = more_});
    hold.lock();
    pause = answer ? every_ : nanos(std::chrono::seconds(1));
    if (!answer && on_failure_ && !ended_) on_failure_(answer.err().text);
    if (!answer && on_failure_) return;
  }
}

void kept_session::end() {
  {
    std::lock_guard hold(lock_);
    if (ended_) return;
    ended_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  (void)client_->call({.method = "PUT", .path = "/v1/session/destroy/" + id_, .query = more_});
}

} // namespace actord::cli
