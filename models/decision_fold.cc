#include "models/decision_fold.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "models/customer_change.h"
#include "models/customer_decision.h"
#include "models/domain/random.h"
#include "models/recalled_turns.h"

namespace offerstream {
namespace {

// Cheap mixing of many words into the one that enters the digest: a whole SipHash round for each of a decision's
// numbers would cost as much as making it.
class Mix {
 public:
  void Add(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15ULL;
    state_ ^= state_ >> 32;
  }
  void Add(double number) { Add(std::bit_cast<std::uint64_t>(number)); }
  std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0;
};

std::uint64_t DigestOf(const Decision& decision) {
  Mix mix;
  mix.Add(std::uint64_t{decision.placement.value} << 32 | static_cast<std::uint64_t>(decision.arm) << 16 |
          static_cast<std::uint64_t>(decision.reason));
  mix.Add(decision.has_offer ? decision.chosen + std::uint64_t{1} : 0);
  for (const Candidate& c : decision.candidates) {
    mix.Add(std::uint64_t{c.offer.value} << 16 | c.channel.value);
    mix.Add(c.propensity);
    mix.Add(c.score);
    mix.Add(c.probability);
  }
  for (const Exclusion& e : decision.excluded) {
    mix.Add(std::uint64_t{e.offer.value} << 32 | std::uint64_t{e.channel.value} << 16 |
            static_cast<std::uint64_t>(e.reason));
  }
  for (const Contribution& c : decision.explain) mix.Add(c.contribution);
  mix.Add(std::uint64_t{decision.cap.limit} << 16 | decision.cap.used);
  mix.Add(std::uint64_t{decision.segment});
  return mix.value();
}

}  // namespace

struct DecisionFold::Impl {
  Impl(std::shared_ptr<const CampaignPlan> p, FoldMemory& m)
      : plan(std::move(p)), memory(m), features(*plan), change(*plan, features), decide(plan, features),
        own_book(plan, account.leases), book(&own_book) {
    decide.SetBook(book);
    counters.selections.resize(plan->offers.size() * plan->channels.size());
    account.plan_epoch = plan->epoch;
  }

  std::shared_ptr<const CampaignPlan> plan;
  FoldMemory& memory;
  FeatureMap features;
  CustomerChange change;
  CustomerDecision decide;
  PartitionAccount account{};
  FoldCounters counters{};
  std::vector<IdHash> salts{};
  TxnSeq seq = 0;
  std::size_t sweep_left = 0;
  EventTime swept_ms = kNever;      // the last due time a sweep of this transaction has reached
  bool folded = false;              // an event or clock since Begin
  RecalledTurns recalled{};
  DecisionFact fact{};
  FollowedLog* log = nullptr;
  Decision would{};                 // what this plan would have done where a log is followed
  BudgetBook own_book;
  BudgetBook* book;
  bool shares = false;              // the book is that of several folds

  void TellBudgets(FoldOutput& out) {
    if (book->empty()) return;
    book->Advance(account.max_event_time, out.observations);
    book->Tell(out.observations);
  }
  /// Fires the customer's earliest timer, its turn with what the models say, or with what the journal says they said.
  void Fire(CustomerProfile& profile, FoldOutput& out);
  void Refire(CustomerProfile& profile);
  void FireDue(CustomerProfile& profile, FoldOutput& out) {
    while (profile.next_due <= account.watermark && profile.next_due != INT64_MAX) Fire(profile, out);
  }
  void RefireDue(CustomerProfile& profile) {
    while (profile.next_due <= account.watermark && profile.next_due != INT64_MAX) Refire(profile);
  }
  /// Fires timers up to the watermark within the transaction's bound. True when nothing due is left.
  bool Sweep(FoldOutput& out);
  void RefoldSweep(EventTime frontier);
  /// One customer's part of an event. True when a decision was made.
  bool Fold(CustomerProfile& profile, const Event& event, FoldOutput& out);
  /// A deletion: takes back what was told, forgets the customer, and says what was removed.
  void Erase(const Event& event, FoldOutput& out);
  bool DecideAll(CustomerProfile& profile, const Event& event, EventFacts& facts, FoldOutput& out);
  bool FollowAll(CustomerProfile& profile, const Event& event, EventFacts& facts);
  bool FollowImpression(const CustomerProfile& profile, const Event& event);
  void TellBirths(EventTime time, FoldOutput& out);
  void AnnotateCaps(const CustomerProfile& profile, std::size_t from, FoldOutput& out) {
    for (std::size_t i = from; i < out.cap_count; ++i) decide.Annotate(profile, out.caps[i]);
  }
  IdHash SaltOf(std::uint16_t input) const { return input < salts.size() ? salts[input] : H64({input}); }
};

// ---- Time --------------------------------------------------------------------------------------------------------------

void DecisionFold::Impl::Fire(CustomerProfile& profile, FoldOutput& out) {
  const bool move = change.MoveIsDue(profile), look = change.LookIsDue(profile);
  if (!move && !look) return change.ByEarliestTimer(profile, nullptr);
  TurnFact& turn = out.AddTurn(profile.hash);
  decide.SayAtTurn(profile, profile.next_due, move, look, turn);
  change.ByEarliestTimer(profile, &turn);
}

void DecisionFold::Impl::Refire(CustomerProfile& profile) {
  if (!change.MoveIsDue(profile) && !change.LookIsDue(profile)) return change.ByEarliestTimer(profile, nullptr);
  const TurnFact* known = recalled.Take(profile.next_due, profile.hash);
  if (known != nullptr) return change.ByEarliestTimer(profile, known);
  TurnFact unknown{.customer = profile.hash, .move = profile.place.Told()};   // told by turns_missing; here only time must go on
  unknown.move.time = profile.next_due;
  change.ByEarliestTimer(profile, &unknown);
}

bool DecisionFold::Impl::Sweep(FoldOutput& out) {
  const EventTime limit = account.watermark;
  if (limit == kNever) return true;
  for (;;) {
    // Out of budget: only the rest of the millisecond already begun, so that the frontier is a whole one.
    const EventTime reach = sweep_left > 0 ? limit : std::min(limit, swept_ms);
    CustomerProfile* profile = reach == kNever ? nullptr : memory.NextDue(reach, seq);
    if (profile == nullptr) {
      account.Swept(reach);
      return sweep_left > 0;
    }
    swept_ms = std::max(swept_ms, profile->next_due);
    const std::size_t caps = out.cap_count;
    out.fired.push_back({profile->next_due, profile->hash, static_cast<std::uint32_t>(out.observations.rows.size())});
    Fire(*profile, out);
    AnnotateCaps(*profile, caps, out);
    memory.Reschedule(*profile);
    if (sweep_left > 0) --sweep_left;
  }
}

void DecisionFold::Impl::RefoldSweep(EventTime frontier) {
  const EventTime reach = std::min(account.watermark, frontier);
  if (reach == kNever) return;
  while (CustomerProfile* profile = memory.NextDue(reach, seq)) {
    assert(profile->as_of < seq);   // a row as of a later transaction has fired everything due by then
    Refire(*profile);
    memory.Reschedule(*profile);
  }
  account.Swept(reach);
}

// ---- One event ---------------------------------------------------------------------------------------------------------

void DecisionFold::Impl::Erase(const Event& event, FoldOutput& out) {
  ErasedCustomer& erased = out.erased.emplace_back();
  erased.cause = event.cause;
  erased.time = event.time;
  erased.customer_id = event.customer_id;
  erased.request_id = event.event_id;
  if (memory.Find(event.customer_id, event.customer_hash) == nullptr) return;
  CustomerProfile& profile = memory.Open(event.customer_id, event.customer_hash, seq);
  const std::size_t caps = out.cap_count;
  FireDue(profile, out);
  AnnotateCaps(profile, caps, out);
  erased.known = true;
  erased.exposures = static_cast<std::uint32_t>(profile.exposures.size());
  erased.impressions = static_cast<std::uint32_t>(profile.impressions.size());
  erased.events = static_cast<std::uint32_t>(profile.seen.size());
  erased.attributes = static_cast<std::uint32_t>(profile.attributes.size());
  erased.timers = profile.next_due == INT64_MAX ? 0 : 1;
  erased.place = profile.place.micro != 0;
  const std::size_t fired = out.cap_count;
  change.Forget(profile, event.time);
  erased.caps = static_cast<std::uint32_t>(out.cap_count - fired);
  memory.Erase(profile, seq);
}

bool DecisionFold::Impl::Fold(CustomerProfile& profile, const Event& event, FoldOutput& out) {
  const std::size_t caps = out.cap_count;
  EventFacts& facts = out.AddFacts(event.cause);
  std::span<const float> x;
  const bool impression = event.kind == EventKind::kImpression && !event.transactional;
  bool unexplained = impression && FindDisplayed(profile, event) == nullptr;
  if (unexplained && log != nullptr) unexplained = FollowImpression(profile, event);
  if (unexplained && event.offer.known()) {
    decide.LookClosely(profile, event);
    decide.Assess(profile, event, facts.impression);
    facts.has_impression = true;
    x = decide.x();
  }
  change.ByEvent(profile, event, &facts, account.watermark, x);
  bool decided = false, looked = false;
  if (event.kind != EventKind::kCampaignCost) {
    if (log != nullptr) {
      decided = FollowAll(profile, event, facts);
    } else if (event.time >= account.watermark && (plan->decide.trigger_kinds >> static_cast<unsigned>(event.kind) & 1) != 0) {
      decided = DecideAll(profile, event, facts, out);
    }
    const bool move = plan->segments.size() > 0;
    if (!decided && (impression || move)) decide.Look(profile, event);
    looked = decided || impression || move;
    if (decided || impression) decide.CapFacts(profile, event, facts.caps);
    if (looked && decide.Move(profile, event, facts.move)) facts.has_move = true;
  }
  if (impression || !facts.caps.empty()) change.ByCaps(profile, event, facts.caps, account.watermark);
  if (facts.has_move) change.ByMove(profile, facts.move);
  change.SetNextDue(profile);
  FireDue(profile, out);   // what the event itself made overdue
  AnnotateCaps(profile, caps, out);
  if (facts.empty()) --out.fact_count;
  TellBirths(event.time, out);
  return decided;
}

bool DecisionFold::Impl::DecideAll(CustomerProfile& profile, const Event& event, EventFacts& facts, FoldOutput& out) {
  bool looked = false;
  for (std::size_t p = 0; p < plan->decide.placements.size(); ++p) {
    const PlacementIndex placement(p);
    if (event.placement.known() && event.placement != placement) continue;
    const EventTime last = profile.LastDecision(placement);
    if (last != kNever && event.time < last + plan->decide.min_interval) continue;
    if (!looked) decide.LookClosely(profile, event);
    looked = true;
    Decision& decision = out.AddDecision();
    decision.cause = event.cause;
    decision.id = DecisionIdOf(SaltOf(event.cause.input), event.cause, placement);
    decide.Decide(profile, event, placement, decision, fact, counters);
    decide.Pay(decision);   // Account
    out.decided.Add(decision.id);
    out.decided.Add(DigestOf(decision));
    facts.decisions.push_back(fact);
    // What will be learned, and what recovery computes: not the scorer's row, whose ordinal the curve may have replaced.
    change.ByDecision(profile, event, fact, decision.features);
  }
  return looked;
}

// Decides where the log decided, tells it, and goes on with the log's choice.
bool DecisionFold::Impl::FollowAll(CustomerProfile& profile, const Event& event, EventFacts& facts) {
  const std::span<const LoggedChoice> choices = log->ChoicesAt(event);
  if (choices.empty()) return false;
  decide.LookClosely(profile, event);
  for (const LoggedChoice& choice : choices) {
    would.Clear();
    decide.Decide(profile, event, choice.placement, would, fact, counters);
    decide.Follow(profile, event, choice, log->WouldHave(event, choice, would), fact);
    facts.decisions.push_back(fact);
    change.ByDecision(profile, event, fact, decide.x());
  }
  return true;
}

// An impression no known decision explains. True: it is learned from. One that names a decision the log passed over is
// only counted: its answers name the decision as well, so it would be learned as never answered.
bool DecisionFold::Impl::FollowImpression(const CustomerProfile& profile, const Event& event) {
  if (event.propensity <= 0) return event.decision_id == 0;
  LoggedChoice choice;
  choice.id = event.event_hash;
  choice.placement = event.placement;
  choice.has_offer = choice.foreign = true;
  choice.offer = event.offer;
  choice.channel = event.channel;
  choice.propensity = event.propensity;
  would.Clear();
  decide.Restrict(event.channel);
  decide.LookClosely(profile, event);
  decide.Decide(profile, event, choice.placement, would, fact, counters);
  decide.Restrict({});
  return log->WouldHave(event, choice, would);
}

void DecisionFold::Impl::TellBirths(EventTime time, FoldOutput& out) {
  for (const ModelIndex model : decide.births()) {
    if (!account.TellBirth(plan->ModelHash(model))) continue;
    const SiblingPrior& prior = decide.table().PriorOf(decide.table().model(model));
    Observation& row = out.observations.rows.emplace_back();
    row.kind = ObservationKind::kBirth;
    row.model = plan->ModelHash(model);
    row.time = time;
    row.x_begin = static_cast<std::uint32_t>(out.observations.arena.size());
    auto& arena = out.observations.arena;
    for (const double m : prior.mean) arena.push_back(static_cast<float>(m));
    for (const double v : prior.variance) arena.push_back(static_cast<float>(v));
    for (const double f : prior.delay_share) arena.push_back(static_cast<float>(f));
    row.x_size = static_cast<std::uint32_t>(arena.size()) - row.x_begin;
  }
  decide.ClearBirths();
}

// ---- The fold ----------------------------------------------------------------------------------------------------------

DecisionFold::DecisionFold(std::shared_ptr<const CampaignPlan> plan, FoldMemory& memory)
    : impl_(std::make_unique<Impl>(std::move(plan), memory)) {}
DecisionFold::~DecisionFold() = default;

void DecisionFold::SetInputSalts(std::vector<IdHash> topic_hashes) { impl_->salts = std::move(topic_hashes); }

void DecisionFold::Follow(FollowedLog* log) {
  impl_->log = log;
  impl_->decide.SetBook(log == nullptr ? impl_->book : nullptr);   // what is only thought of takes no money
}

void DecisionFold::SetHolder(std::uint32_t partition) { impl_->own_book.SetHolder(partition); }

void DecisionFold::ShareLeases(DecisionFold& holder) {
  impl_->book = &holder.impl_->own_book;
  impl_->shares = true;
  impl_->decide.SetBook(impl_->book);
}

void DecisionFold::Begin(TxnSeq seq, std::size_t sweep_max) {
  impl_->seq = seq;
  impl_->sweep_left = sweep_max;
  impl_->swept_ms = impl_->account.frontier;
  impl_->folded = false;
  impl_->change.TakeTurns(true);
}

void DecisionFold::Recall(const std::vector<TurnFact>* turns) {
  impl_->change.TakeTurns(turns != nullptr);
  impl_->recalled.Set(turns == nullptr ? std::span<const TurnFact>{} : std::span<const TurnFact>(*turns));
}

std::size_t DecisionFold::turns_missing() const { return impl_->recalled.missing(); }

void DecisionFold::Adopt(const AdoptedModels& models) {
  assert(!impl_->folded);
  impl_->decide.Adopt(models);
  auto& adopted = impl_->account.adopted;
  for (const auto& view : models.responses) {
    if (view != nullptr) adopted[view->model] = view->version;
  }
  if (models.caps != nullptr) adopted[CapsModel()] = models.caps->version;
  if (models.segments != nullptr) adopted[SegmentsModel()] = models.segments->version;
  for (const auto& [model, view] : models.budgets) adopted[model] = view->version;
  impl_->book->Adopt(models.budgets);
  if (models.lift != nullptr) adopted[LiftModel()] = models.lift->version;
  if (models.churn != nullptr) adopted[ChurnOwner()] = models.churn->version;
}

void DecisionFold::Apply(const Event& event, FoldOutput& out) {
  Impl& self = *impl_;
  self.folded = true;
  ++self.counters.events[static_cast<std::size_t>(event.kind)];
  AddRecord(out.records, event);
  self.account.Advance(event.time, self.plan->lateness);
  self.change.Tell(&out, &self.counters);
  self.Sweep(out);
  self.TellBudgets(out);
  if (event.kind == EventKind::kIgnore || event.customer_id.empty()) {
    ++self.counters.untriggered;
    return;
  }
  if (event.time < self.account.watermark) ++self.counters.late;
  if (event.kind == EventKind::kDelete) {
    ++self.counters.untriggered;
    self.Erase(event, out);
    return;
  }
  CustomerProfile& profile = self.memory.Open(event.customer_id, event.customer_hash, self.seq);
  const std::size_t caps = out.cap_count;
  self.FireDue(profile, out);
  self.AnnotateCaps(profile, caps, out);
  if (self.change.IsRepeat(profile, event, self.account.watermark)) {
    ++self.counters.duplicates;
  } else if (!self.Fold(profile, event, out)) {
    ++self.counters.untriggered;
  }
  self.memory.Reschedule(profile);
}

void DecisionFold::AdvanceClock(EventTime time, FoldOutput& out) {
  impl_->folded = true;
  impl_->account.Advance(time, impl_->plan->lateness);
  impl_->change.Tell(&out, &impl_->counters);
  impl_->Sweep(out);
  if (!impl_->shares) impl_->TellBudgets(out);
}

bool DecisionFold::Sweep(FoldOutput& out) {
  impl_->folded = true;
  impl_->change.Tell(&out, &impl_->counters);
  return impl_->Sweep(out);
}

void DecisionFold::Refold(const Event& event, const EventFacts* facts, EventTime frontier) {
  Impl& self = *impl_;
  self.folded = true;
  self.account.Advance(event.time, self.plan->lateness);
  self.change.Tell(nullptr, nullptr);
  self.RefoldSweep(frontier);
  if (event.kind == EventKind::kIgnore || event.customer_id.empty()) return;
  if (event.kind == EventKind::kDelete) {
    const CustomerProfile* known = self.memory.Find(event.customer_id, event.customer_hash);
    if (known == nullptr || known->as_of >= self.seq) return;
    CustomerProfile& erased = self.memory.Open(event.customer_id, event.customer_hash, self.seq);
    self.RefireDue(erased);   // takes its turns: the same turn may come again for who is known again
    self.memory.Erase(erased, self.seq);
    return;
  }
  CustomerProfile& profile = self.memory.Open(event.customer_id, event.customer_hash, self.seq);
  if (profile.as_of >= self.seq) return;   // its row, or the tombstone of its erasure, contains this transaction
  self.RefireDue(profile);
  if (!self.change.IsRepeat(profile, event, self.account.watermark)) {
    self.change.ByEvent(profile, event, facts, self.account.watermark, {});
    if (facts != nullptr) {
      for (const DecisionFact& decision : facts->decisions) self.change.ByDecision(profile, event, decision, {});
    }
    const bool impression = event.kind == EventKind::kImpression && !event.transactional;
    const std::span<const CapFact> caps = facts == nullptr ? std::span<const CapFact>{} : facts->caps;
    if (impression || !caps.empty()) self.change.ByCaps(profile, event, caps, self.account.watermark);
    if (facts != nullptr && facts->has_move) self.change.ByMove(profile, facts->move);
    self.change.SetNextDue(profile);
    self.RefireDue(profile);
  }
  self.memory.Reschedule(profile);
}

void DecisionFold::RefoldClock(EventTime time, EventTime frontier) {
  impl_->folded = true;
  impl_->account.Advance(time, impl_->plan->lateness);
  impl_->change.Tell(nullptr, nullptr);
  impl_->RefoldSweep(frontier);
}

const PartitionAccount& DecisionFold::account() const { return impl_->account; }

void DecisionFold::SetAccount(PartitionAccount account) {
  impl_->account = std::move(account);
  impl_->swept_ms = impl_->account.frontier;
  impl_->own_book.Reset(impl_->account.max_event_time);
  impl_->decide.ForgetBirths();
}

const FoldCounters& DecisionFold::counters() const { return impl_->counters; }
const AdoptedModels& DecisionFold::models() const { return impl_->decide.models(); }

std::vector<CapState> DecisionFold::Caps(const CustomerProfile& profile, EventTime at) const {
  return impl_->decide.Caps(profile, at);
}

}  // namespace offerstream
