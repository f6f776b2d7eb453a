// Charging profiles in amperes (OCPP 1.6 edition 2, 3.13): of each purpose the highest stack
// level that is valid now; the transaction's profile over the default; the lesser of that and
// the station's own maximum.
'use strict';

class Profiles {
  constructor(mostA) {
    this.mostA = mostA;
    this.byId = new Map();
  }

  install(profile) {
    for (const [id, other] of this.byId) {
      const same = other.chargingProfilePurpose === profile.chargingProfilePurpose
        && other.stackLevel === profile.stackLevel;
      if (same) this.byId.delete(id);
    }
    this.byId.set(profile.chargingProfileId, profile);
  }

  clear(id) {
    if (id !== undefined) return this.byId.delete(id);
    const any = this.byId.size > 0;
    this.byId.clear();
    return any;
  }

  limitA(transaction) {
    const tx = this.#of('TxProfile', (p) => [undefined, transaction].includes(p.transactionId));
    const session = tx ?? this.#of('TxDefaultProfile') ?? this.mostA;
    return Math.min(this.#of('ChargePointMaxProfile') ?? this.mostA, session, this.mostA);
  }

  #of(purpose, fits = () => true) {
    const valid = [...this.byId.values()]
      .filter((p) => p.chargingProfilePurpose === purpose && fits(p))
      .map((p) => ({ level: p.stackLevel, limit: periodLimit(p.chargingSchedule) }))
      .filter(({ limit }) => limit !== null)
      .sort((a, b) => b.level - a.level);
    return valid.length ? valid[0].limit : null;
  }
}

function periodLimit({ startSchedule, duration, chargingSchedulePeriod }) {
  const begun = startSchedule === undefined ? Date.now() : Date.parse(startSchedule);
  const at = (Date.now() - begun) / 1000;
  if (at < 0 || (duration !== undefined && at >= duration)) return null;
  const past = chargingSchedulePeriod.filter(({ startPeriod }) => startPeriod <= at);
  return past.length ? past[past.length - 1].limit : null;
}

module.exports = { Profiles };
