#include "actors/raft/questions.hpp"

namespace actord::raft {

outcome_record to_record(const apply_result& r) {
  outcome_record out;
  out.index = r.index;
  out.value = r.value;
  out.code = static_cast<uint64_t>(r.failure.code);
  out.text = r.failure.text;
  out.body = r.body;
  if (!r.txn) return out;
  out.has_txn = true;
  for (auto& x : r.txn->results) out.results.push_back({x.kv, x.node, x.service, x.check});
  for (auto& e : r.txn->errors) out.errors.push_back(e);
  return out;
}

apply_result from_record(outcome_record&& r) {
  apply_result out;
  out.index = r.index;
  out.value = r.value;
  out.failure = {static_cast<errc>(r.code), std::move(r.text)};
  out.body = std::move(r.body);
  if (!r.has_txn) return out;
  out.txn = std::make_shared<txn_response>();
  for (auto& x : r.results) out.txn->results.push_back({std::move(x.kv), std::move(x.node), std::move(x.service), std::move(x.check)});
  for (auto& e : r.errors) out.txn->errors.push_back(std::move(e));
  return out;
}

answer to_answer(const leader_info& info) {
  answer a;
  a.term = info.term;
  a.index = info.configuration_index;
  a.leader_id = info.leader_id;
  a.address = info.address;
  for (auto& s : info.servers) a.servers.push_back({s.id, s.name, s.address, s.leader, s.voter, s.non_voter, s.last_contact_ms, s.last_term, s.last_index});
  return a;
}

leader_info from_answer(answer&& a) {
  leader_info info;
  info.term = a.term;
  info.configuration_index = a.index;
  info.leader_id = std::move(a.leader_id);
  info.address = std::move(a.address);
  for (auto& s : a.servers) {
    info.servers.push_back({std::move(s.id), std::move(s.name), std::move(s.address), s.leader, s.voter, s.non_voter, s.last_contact_ms, s.last_term, s.last_index});
    info.peers.push_back(info.servers.back().address);
  }
  return info;
}

} // namespace actord::raft
