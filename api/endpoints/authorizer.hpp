// What the token of a call allows. An endpoint asks before it runs and for each row that it found (endpoint.hpp).
#pragma once
#include "storage/model/catalog.hpp"
#include "storage/model/coordinate.hpp"
#include "storage/model/kv_entry.hpp"
#include "storage/model/prepared_query.hpp"
#include "storage/model/session.hpp"

namespace actord::endpoints {

enum class access : uint8_t { read, list, write };
enum class resource : uint8_t { key, node, service, session, operation, query, event, keyring };

class authorizer {
public:
  virtual ~authorizer() = default;
  // `name` is the key or its prefix, the node, the service; "" of what has none.
  virtual bool allows(access a, resource r, std::string_view name) const = 0;
};

// Without access control lists everybody may do everything. In any thread.
const authorizer& everything_allowed();

// ---- may: whether a call is made at all ----
template <class Args> bool anybody_may(const authorizer&, const Args&) { return true; } // its rows are looked at one by one
template <class Args> bool may_read_key(const authorizer& who, const Args& a) { return who.allows(access::read, resource::key, a.key); }
template <class Args> bool may_read_operation(const authorizer& who, const Args&) { return who.allows(access::read, resource::operation, {}); }

// ---- sees: which rows are shown ----
bool sees_node(const authorizer& who, const node_record& n);
bool sees_service_node(const authorizer& who, const service_node& n);
bool sees_instance(const authorizer& who, const check_service_node& n);
bool sees_check(const authorizer& who, const health_check& c);
bool sees_entry(const authorizer& who, const kv_entry& e);
bool sees_key(const authorizer& who, const std::string& key);
bool sees_session(const authorizer& who, const session_record& s);
bool sees_query(const authorizer& who, const prepared_query& q);
bool sees_coordinate(const authorizer& who, const coordinate_record& c);

} // namespace actord::endpoints
