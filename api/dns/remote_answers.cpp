// Answers on a client agent: a question is answered from what servers said about it, in rounds; calls that were lacking are
// made in between.
#include "actors/messages/rpc_messages.hpp"
#include "api/dns/dns_thread.hpp"
#include "api/endpoints/query.hpp"
#include "storage/state/read_view_long.hpp"
#include <ctime>

namespace actord::dns {

namespace {
constexpr int most_rounds = 16;          // calls, and names that recursors resolve, for one question
} // namespace

struct dns_thread::remote_question : std::enable_shared_from_this<remote_question> {
  std::vector<uint8_t> packet;
  asker who{};
  reply_function reply;
  uint32_t slot = fair_slots::none;
  asked_calls calls{{}, true};
  size_t under_way = 0;
  int rounds = 0;
  bool failed = false, unknown_datacenter = false, over = false;
  std::chrono::steady_clock::time_point begun;
};

// Where too many wait for servers, it is one of whoever has most of them waiting that is refused.
bool dns_thread::may_ask(remote_question& q) {
  if (q.slot != fair_slots::none) return true;
  if (calls_ >= most_calls) return false; // of those that were given up, too
  if (asking_.full()) {
    if (asking_.has_longest(q.who.source)) return false;
    const auto given_up = asked_[asking_.first_of_longest()];
    give_back(*given_up);
    given_up->failed = true;
    loop_->post([this, given_up] { answer_remotely(given_up); });
  }
  q.slot = asking_.take(q.who.source);
  asked_[q.slot] = q.shared_from_this();
  return true;
}

void dns_thread::give_back(remote_question& q) {
  if (q.slot == fair_slots::none) return;
  asking_.release(q.slot);
  asked_[q.slot] = nullptr;
  q.slot = fair_slots::none;
}

void dns_thread::end_remotely(remote_question& q) {
  q.over = true;
  give_back(q);
}

size_t dns_thread::ask_servers(byte_view packet, asker who, const std::function<reply_function()>& later) {
  auto q = std::make_shared<remote_question>();
  q->packet.assign(packet.begin(), packet.end());
  q->who = who;
  q->reply = later();
  q->calls = asked_calls(settings_->answers.datacenter, servers_->stale());
  q->begun = std::chrono::steady_clock::now();
  answer_remotely(q);
  return 0;
}

bool dns_thread::too_old(remote_question& q) const {
  auto& told = q.calls.first();
  return q.calls.stale() && told && settings_->max_stale.count() > 0 && told->last_contact > settings_->max_stale;
}

void dns_thread::answer_remotely(const std::shared_ptr<remote_question>& question) {
  query q;
  if (question->over || parse_query(question->packet, q) != verdict::ok) return;
  q.asker = question->who.from;
  std::vector<uint8_t> buffer(max_message);
  writer_.rebind(buffer);
  size_t size = 0;
  if (question->failed) {
    end_remotely(*question);
    size = refuse(q, question->unknown_datacenter ? rcode::name_error : rcode::server_failure);
    return question->reply({buffer.data(), size});
  }
  if (too_old(*question)) question->calls.ask_leader();
  servers_->use(&question->calls);
  const bool enough = question->rounds++ >= most_rounds;
  directory_->stop_resolving(enough);
  const auto how = responder_.respond(q, question->who.udp, static_cast<uint32_t>(::time(nullptr)), writer_);
  directory_->stop_resolving(false);
  if (!question->calls.complete() && !enough) return make_calls(question);
  if (how != outcome::resolve) end_remotely(*question);
  switch (how) {
  case outcome::answered:
    record(q, question->begun);
    size = writer_.fits() ? writer_.size() : refuse(q, rcode::server_failure);
    break;
  case outcome::forward: size = forward(question->packet, q, question->who, [&] { return question->reply; }); break;
  case outcome::resolve: return resolve_remotely(question);
  case outcome::wait: break; // servers are asked instead
  }
  if (size != 0) question->reply({buffer.data(), size});
}

void dns_thread::make_calls(const std::shared_ptr<remote_question>& q) {
  if (!may_ask(*q)) {
    q->failed = true;
    return answer_remotely(q);
  }
  auto needed = q->calls.take_needed();
  q->under_way = needed.size();
  calls_ += needed.size();
  for (auto& [number, call] : needed) {
    auto done = [this, q, which = number, decode = call.decode](rpc_answer& a) {
      --calls_;
      if (a.failure.code == errc::none && !a.body.empty()) return take_answer(q, which, decode, std::move(a.body));
      if (a.failure.code == errc::none || a.failure.text.ends_with(endpoints::query::not_found)) {
        q->calls.answered_nothing(which);
      } else {
        q->failed = true;
        q->unknown_datacenter = a.failure.text.find("No path to datacenter") != a.failure.text.npos;
      }
      if (--q->under_way == 0) answer_remotely(q);
    };
    actor_->request(rpc_, caf::infinite, rpc_call{std::string(call.method), std::move(call.arguments), nanos(0), true})
        .then(done, [done](caf::error&) {
          rpc_answer gone{{errc::internal, "agent is stopping"}, {}};
          done(gone);
        });
  }
}

// A large one is read in another thread.
void dns_thread::take_answer(const std::shared_ptr<remote_question>& q, size_t number, const asked_calls::decode_function& decode, std::string body) {
  auto done = [this, q, number](asked_calls::decoded answer) {
    q->calls.answered(number, std::move(answer));
    if (--q->under_way == 0) answer_remotely(q);
  };
  constexpr size_t read_here = 32 << 10;
  const size_t size = body.size();
  auto bytes = std::make_shared<const std::string>(std::move(body));
  constexpr auto per_byte = std::chrono::nanoseconds(8);
  const bool taken = size > read_here && elsewhere_ && elsewhere_->submit(q->who.source, [this, done, decode, bytes](reader&) {
    loop_->post([done, answer = decode(*bytes)] { done(answer); });
  }, per_byte * size);
  if (!taken) done(decode(*bytes));
}

// An alias points outside: a recursor is asked for its addresses, then the question is answered once more.
void dns_thread::resolve_remotely(const std::shared_ptr<remote_question>& question) {
  std::vector<uint8_t> out;
  std::string name = responder_.wanted_name();
  const auto qtype = responder_.wanted_type();
  write_question(out, 0, name, qtype);
  bool asked = upstream_.ask(out, false, question->who.source, [this, question, name, qtype](byte_view answer) {
    std::vector<foreign_record> records;
    if (!parse_records(answer, 64, records)) records.clear();
    directory_->remember(name, qtype, std::move(records));
    answer_remotely(question);
  });
  if (asked) return;
  question->failed = true;
  answer_remotely(question);
}

} // namespace actord::dns
