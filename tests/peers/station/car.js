// A car on alternating current: follows what it is offered, after a moment.
'use strict';

const FLOOR_A = 6; // IEC 61851-1: below it there is no charging
const REACTION_S = 2;
const RAMP_A_PER_S = 10;

class Car {
  constructor(offeredA) {
    this.heldA = offeredA;
    this.targetA = offeredA;
    this.since = Date.now();
    this.wh = 0;
    this.read = Date.now();
  }

  // The car hears of a new offer through the duty cycle of the pilot.
  offer(amperes) {
    this.energyWh();
    this.heldA = this.currentA();
    this.targetA = amperes < FLOOR_A ? 0 : amperes;
    this.since = Date.now();
  }

  currentA() {
    const moving = Math.max(0, (Date.now() - this.since) / 1000 - REACTION_S);
    const step = Math.min(Math.abs(this.targetA - this.heldA), moving * RAMP_A_PER_S);
    return this.heldA + Math.sign(this.targetA - this.heldA) * step;
  }

  // Mains wanders: a meter that never repeats itself can be told from a frozen one.
  voltageV() {
    const at = Date.now() / 1000;
    return 230 + 1.5 * Math.sin(at / 97) + 0.7 * Math.sin(at / 13.7) + 0.3 * Math.sin(at / 3.1);
  }

  powerW() {
    return this.currentA() * this.voltageV();
  }

  energyWh() {
    const at = Date.now();
    this.wh += (this.powerW() * (at - this.read)) / 3.6e6;
    this.read = at;
    return this.wh;
  }
}

module.exports = { Car };
